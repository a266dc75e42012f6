"""Verb for the operators' page: draw the pools, and have the gateway show it at ``/pool/``."""

from asyncio import to_thread

from blocks.database import pool_store
from blocks.gateway.pool_page import PoolView, pool_page
from blocks.stored.pool_config import pool_names
from pool.decisions import without_repeats
from pool.states import LIVING_HOSTS, LIVING_INSTANCES
from tasks.base import verb
from tasks.gateway.routes import gateway
from tasks.retrying import now

LAST_DECISIONS = 20
LOOKED_AT = 500  # many are one pool's reason to wait, said again at every tick


@verb(task_run_name="draw the pool page")
async def draw_pool_page() -> str:
    """Draw all pools as SQL holds them; says nothing."""
    await to_thread(draw_now)
    return ""


def draw_now() -> None:
    """Read the pools, draw them, give the page to the gateway.

    Raises:
        GatewayTrouble: the gateway does not answer, or takes no page of this size.
    """
    gateway().put_pool_page(pool_page([_view(name) for name in pool_names()], now()))


def _view(name: str) -> PoolView:
    store = pool_store()
    decided = without_repeats(store.ticks.decisions(limit=LOOKED_AT, pool=name))[:LAST_DECISIONS]
    hosts, instances = store.hosts.all(name, LIVING_HOSTS), store.instances.all(name, LIVING_INSTANCES)
    return PoolView(name, hosts, instances, decided, store.ticks.left_undone(name, now()))
