"""Read what a tick is judged by, write down what it decided, and leave its tables."""

from collections.abc import Sequence

from prefect.artifacts import acreate_table_artifact

from blocks.database import pool_store
from blocks.stored.pool_config import pool_config
from pool.decisions import Decision
from pool.reports.tables import decision_rows, host_rows
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS
from tasks.base import verb
from tasks.retrying import now


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
    return pool_store().ticks.record(pool, decisions, now())


@verb(task_run_name="keep what tick {tick} left undone")
async def note_left(tick: int, left: Sequence[str]) -> None:
    """Keep what the tick decided and did not get done, with the reason; most ticks leave nothing."""
    if left:
        pool_store().ticks.note_left(tick, "; ".join(left))


@verb(task_run_name="show the hosts of {pool}")
async def show_hosts(pool: str) -> None:
    """Leave the table of hosts as SQL has them after the tick: the artifact ``hosts-<pool>``."""
    store = pool_store()
    rows = host_rows(store.hosts.all(pool, LIVING_HOSTS), store.images.offered(pool), store.images.by_host(pool), now())
    await acreate_table_artifact(rows, key=f"hosts-{pool}", description=f"Hosts of pool {pool}")


@verb(task_run_name="show the decisions for {pool}")
async def show_decisions(pool: str, tick: int, decisions: Sequence[Decision], outcomes: Sequence[str]) -> None:
    """Leave the table of what the tick decided, why, and how it ended: the artifact ``housekeeping-<pool>``."""
    rows = decision_rows(decisions, outcomes)
    await acreate_table_artifact(rows, key=f"housekeeping-{pool}", description=f"Tick {tick} of pool {pool}")
