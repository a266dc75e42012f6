"""Verb for the operators' page: draw the pools, and have the gateway show it at ``/pool/``."""

from asyncio import to_thread

from blocks.database import pool_store
from blocks.pool_config import pool_names
from blocks.pool_page import PoolView, pool_page
from pool.states import ENDED, InstanceState
from tasks.retrying import now
from tasks.routes import gateway
from tasks.verb import verb

LAST_DECISIONS = 20


@verb(task_run_name="draw the pool page")
async def draw_pool_page() -> str:
    """Draw all pools as SQL holds them; says nothing."""
    await to_thread(lambda: gateway().put_pool_page(pool_page([_view(name) for name in pool_names()], now())))
    return ""


def _view(name: str) -> PoolView:
    store = pool_store()
    decided = [d for d in store.decisions(limit=5 * LAST_DECISIONS) if d.pool == name][:LAST_DECISIONS]
    return PoolView(name, store.hosts(name), store.instances(name, frozenset(InstanceState) - ENDED), decided)
