"""Read what a tick is judged by, and write down what it decided."""

from blocks.database import pool_store
from blocks.pool_config import pool_config
from pool.decisions import Decision
from pool.settings import PoolSettings
from tasks.retrying import now
from tasks.verb import verb


@verb(task_run_name="read the settings of {pool}")
async def read_settings(pool: str) -> PoolSettings:
    """The pool's settings as they are now.

    Raises:
        NotFound: no pool has this name; the message lists those that exist.
    """
    return pool_config(pool).settings(pool)


@verb(task_run_name="record the tick of {pool}")
async def record_tick(pool: str, decisions: list[Decision]) -> int:
    """Store what was decided, with its reasons, before it is done; the tick's number."""
    return pool_store().record_tick(pool, decisions, now())
