"""Who stands where in the queue of a pool."""

from asyncio import to_thread

from prefect import get_run_logger

from blocks.database import pool_store
from blocks.stored.pool_config import pool_config
from pool.errors import GatewayTrouble
from pool.records import Instance
from pool.reports.visitor_notices import notice_of
from pool.sessions.estimates import Standing, standings
from pool.states import LIVING_INSTANCES
from tasks.base import verb
from tasks.gateway.routes import gateway
from tasks.retrying import now

#: By the id of one that waits: its record, and where it stands.
Places = dict[str, tuple[Instance, Standing]]


def places_of(pool: str) -> Places:
    """The queue of a pool and where each one stands in it, by id, the next one first."""
    store = pool_store()
    line = store.instances.queue(pool)
    if not line:
        return {}
    sessions = store.instances.all(pool, LIVING_INSTANCES)
    places = standings(line, store.hosts.recent(pool, now()), sessions, pool_config(pool).settings(pool), now())
    return {one.id: (one, places[one.id]) for one in line}


@verb(task_run_name="tell visitors of the queue of {pool}")
async def tell_places(pool: str) -> None:
    """Have the gateway show visitors of each session that waits where it stands; one that is away is told later."""
    await show_places(pool, await to_thread(places_of, pool))


async def show_places(pool: str, places: Places) -> None:
    """As :func:`tell_places`, of places that are known already."""
    notices = [notice_of(one, "", place.position, place.estimate or 0) for one, place in places.values()]
    try:
        if notices:
            await to_thread(gateway().put_notices, notices)
    except GatewayTrouble as error:
        get_run_logger().warning("visitors of the queue of %s are not told: %s", pool, error)
