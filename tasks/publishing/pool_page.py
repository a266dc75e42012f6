"""The operators' page: draw the pools, and have the gateway show it at ``/pool/``."""

from blocks.gateway.pool_page import PoolView, pool_page
from blocks.outside import now, outside
from pool.changes import Change
from pool.decisions import without_repeats
from pool.hosts.reach import reach_troubles, silent_hosts
from pool.states import LIVING_HOSTS, LIVING_INSTANCES
from tasks.base import look_up

LAST_DECISIONS = 20
LOOKED_AT = 500  # many are one pool's reason to wait, said again at every tick


def draw_page(_changes: list[Change] | None = None) -> None:
    """Read the pools, draw them, give the page to the gateway.

    Raises:
        GatewayTrouble: the gateway does not answer, or takes no page of this size.
    """
    outside().gateway.put_pool_page(pool_page([_view(name) for name in outside().pools()], now()))


@look_up()
def draw_pool_page() -> str:
    """Draw all pools as SQL holds them; says nothing."""
    draw_page()
    return ""


def _view(name: str) -> PoolView:
    store = outside().store
    decided = without_repeats(store.ticks.decisions(limit=LOOKED_AT, pool=name))[:LAST_DECISIONS]
    hosts, instances = store.hosts.all(name, LIVING_HOSTS), store.instances.all(name, LIVING_INSTANCES)
    troubles = [*reach_troubles(hosts), *silent_hosts(hosts, outside().kept_config(name).DD_HOST_GRACE)]
    return PoolView(name, hosts, instances, decided, store.ticks.left_undone(name, now()), troubles)
