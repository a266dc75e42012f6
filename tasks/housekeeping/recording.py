"""Read what a tick is judged by, write down what it decided, and leave its tables."""

from collections.abc import Sequence

from blocks.outside import now, outside
from pool.decisions import Decision
from pool.housekeeping.troubles import troubles
from pool.reports.tables import decision_rows, host_list, host_rows, hosts_in_sum
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS
from tasks.base import look_up


@look_up()
def read_settings(pool: str) -> PoolSettings:
    """The pool's settings as they are now; they are kept, for the case that their block is deleted, with its courses.

    Raises:
        NotFound: no pool has this name; the message lists those that exist.
    """
    config = outside().config(pool)
    outside().store.configs.keep(pool, config.as_kept())
    outside().store.configs.keep_courses(pool, outside().stored.courses().of(pool))
    return config.settings(pool)


@look_up()
def record_tick(pool: str, decisions: list[Decision]) -> int:
    """Store what was decided, with its reasons, before it is done; the tick's number."""
    return outside().store.ticks.record(pool, decisions, now())


@look_up()
def note_left(tick: int, left: Sequence[str]) -> None:
    """Keep what the tick decided and did not get done, with the reason; most ticks leave nothing."""
    if left:
        outside().store.ticks.note_left(tick, "; ".join(left))


@look_up()
def tell_troubles(
    pool: str, decisions: Sequence[Decision], left: Sequence[tuple[Decision, str]], warnings: Sequence[str]
) -> None:
    """Tell Prefect's automations of the tick's troubles, those that begin with it."""
    found = troubles(decisions, left, warnings)
    outside().prefect.tell_troubles(pool, {str(kind): sentences for kind, sentences in found.items()})


@look_up()
def show_hosts(pool: str) -> None:
    """Leave the table of hosts as SQL has them after the tick: the artifact ``hosts-<pool>``."""
    store = outside().store
    hosts, grace = store.hosts.all(pool, LIVING_HOSTS), outside().kept_config(pool).DD_HOST_GRACE
    rows = host_rows(hosts, store.images.offered(pool), store.images.by_host(pool), grace)
    described = f"Pool {pool}: {hosts_in_sum(host_list(hosts, now()))}"
    outside().prefect.write_table(rows, key=f"hosts-{pool}", description=described)


@look_up()
def show_plan(pool: str, rows: Sequence[dict]) -> None:
    """Leave the table of what the next tick would do: the artifact ``plan-<pool>``."""
    outside().prefect.write_table(rows, key=f"plan-{pool}", description=f"What the next tick of pool {pool} would do")


@look_up()
def show_decisions(pool: str, tick: int, decisions: Sequence[Decision], outcomes: Sequence[str]) -> None:
    """Leave the table of what the tick decided, why, and how it ended: the artifact ``housekeeping-<pool>``."""
    rows = decision_rows(decisions, outcomes)
    outside().prefect.write_table(rows, key=f"housekeeping-{pool}", description=f"Tick {tick} of pool {pool}")
