"""The operators' page: draw the pools, and have the gateway show it at ``/pool/``."""

from datetime import timedelta
from itertools import chain

from blocks.gateway.pool_page import (
    MOST_CHANGES,
    MOST_HISTORIES,
    MOST_ROWS,
    REFRESH_SECONDS,
    LastDay,
    PoolView,
    pool_page,
)
from blocks.outside import now, outside
from pool.changes import Audience, Change, Noun
from pool.decisions import without_repeats
from pool.hosts.reach import reach_troubles, unfit_hosts
from pool.records import Instance
from pool.states import LIVING_HOSTS, LIVING_INSTANCES, InstanceState
from tasks.base import look_up
from tasks.housekeeping.showing import DAY, last_time

LAST_DECISIONS = 20
LOOKED_AT = 500  # many are one pool's reason to wait, said again at every tick
#: Times as long as a page of thousands of sessions took to draw that it rests: it has a tenth of a thread's time.
REST = 9
PAGE = "pool page"
#: For which a change waits to be drawn while platforms have not heard of later ones: those that wait are told first.
BEHIND = timedelta(seconds=2)
WAITING = frozenset({InstanceState.QUEUED})
PLACED = LIVING_INSTANCES - WAITING
ACTIONS = ("drain-host", "return-host", "deprovision-instance", "why")
#: So that what failed yesterday is still there in the evening.
FAILED_FOR, MOST_FAILED = timedelta(days=2), 20


def tell_page(changes: list[Change]) -> str | None:
    """Draw the page after a change; empty: it is drawn with a later one, or once it has rested.

    It may take long; and in a burst, others wait to be told, and there will be more to draw. No browser loads it more
    often than it is drawn then, and each page reads all sessions.

    Raises:
        GatewayTrouble: the gateway does not answer, or takes no page of this size.
    """
    clock, turns = outside().clock, outside().turns
    began = clock.uptime()
    if rests := turns.rest_of(PAGE, began):
        outside().publisher.again(rests)
        return ""
    if _is_new(changes) and outside().store.history.unpublished(Audience.PLATFORM, 1):
        return ""
    draw_page()
    took = clock.uptime() - began
    turns.rest(PAGE, began + max(REFRESH_SECONDS, took * (1 + REST)))
    return None


def _is_new(changes: list[Change]) -> bool:
    return now() - min(change.at for change in changes) < BEHIND


def draw_page() -> None:
    """Read the pools, draw them, give the page to the gateway.

    Raises:
        GatewayTrouble: the gateway does not answer, or takes no page of this size.
    """
    views = [_view(name) for name in outside().pools()]
    outside().gateway.put_pool_page(pool_page(views, now(), outside().prefect.run_forms(ACTIONS)))


@look_up()
def draw_pool_page() -> str:
    """Draw all pools as SQL holds them; says nothing."""
    draw_page()
    return ""


def _view(name: str) -> PoolView:
    store, config = outside().store, outside().kept_config(name)
    decided = without_repeats(store.ticks.decisions(limit=LOOKED_AT, pool=name))[:LAST_DECISIONS]
    hosts, (shown, more) = store.hosts.all(name, LIVING_HOSTS), _sessions(name)
    troubles = [*reach_troubles(hosts), *unfit_hosts(hosts, config.DD_HOST_GRACE)]
    day = outside().pictures.of(name, now(), lambda: _last_day(name))
    of_hosts = store.history.latest(Noun.HOST, [host.name for host in hosts[:MOST_HISTORIES]], MOST_CHANGES)
    failed = store.instances.ended(now() - FAILED_FOR, MOST_FAILED, [InstanceState.FAILED], name)
    told = [one.id for one in [*shown[:MOST_HISTORIES], *failed]]
    of_sessions = store.history.latest(Noun.INSTANCE, told, MOST_CHANGES)
    left = store.ticks.left_undone(name, now())
    return PoolView(name, hosts, shown, decided, left, troubles, day, of_hosts, of_sessions, *more, failed)


def _sessions(pool: str) -> tuple[list[Instance], tuple[int, int]]:
    """Read the first rows of both tables, oldest first; and how many more are placed, and wait."""
    store = outside().store.instances
    rows = [store.all(pool, states, limit=MOST_ROWS) for states in (PLACED, WAITING)]
    counts = store.counts(pool)
    placed, waiting = (sum(counts[state] for state in states) for states in (PLACED, WAITING))
    shown = sorted(chain(*rows), key=lambda one: (one.created_at, one.id))
    return shown, (max(0, placed - len(rows[0])), max(0, waiting - len(rows[1])))


def _last_day(pool: str) -> LastDay:
    last = last_time(pool, DAY, now())
    return LastDay(last.picture(pool), last.words)
