"""Verbs for visitors: tell those who come to a session that does not answer what is going on."""

from asyncio import to_thread
from datetime import timedelta

from prefect import get_run_logger

from blocks.database import pool_store
from pool.errors import GatewayTrouble
from pool.records import Instance
from pool.reports.visitor_notices import notice_of
from pool.states import LIVING_INSTANCES, InstanceState
from tasks.base import verb
from tasks.gateway.routes import gateway
from tasks.retrying import now

#: What a restarted gateway is told again: the sessions that ended lately, and no more than it has room for.
KEPT, MOST = timedelta(days=1), 2000


async def tell_visitors(instance: Instance, words: str = "", position: int = 0, estimate_seconds: int = 0) -> None:
    """Have the gateway show how far the session is, or why it ended. It never fails: a notice is worth no session.

    Args:
        instance: as it is now.
        words: how far it is, when more is known than its state.
        position: of a queued one, its place in the queue, 1 for the next; 0: not known. The page says it by itself.
        estimate_seconds: of a queued one, how long until it gets its place; 0: not known.
    """
    notice = notice_of(instance, words, position, estimate_seconds)
    if notice is None:
        return
    try:
        await to_thread(gateway().put_notices, [notice])
    except GatewayTrouble as error:
        get_run_logger().warning("visitors of %s are not told: %s", instance.id, error)


@verb(retries=1, retry_delay_seconds=2, task_run_name="repair the notices")
async def repair_notices() -> str:
    """Tell a gateway that lost its memory what it told visitors; says how much that was, or nothing."""
    return await to_thread(_tell_again)


def _tell_again() -> str:
    if gateway().count_notices():
        return ""
    store = pool_store()
    waiting = store.instances.all(states=LIVING_INSTANCES - {InstanceState.RUNNING})
    ended = store.instances.ended(now() - KEPT, MOST)
    notices = [notice for instance in (*ended, *waiting) if (notice := notice_of(instance))]
    if notices:
        gateway().put_notices(notices)
    return f"{len(notices)} notices for visitors" if notices else ""
