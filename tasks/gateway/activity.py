"""What the gateway saw of sessions: when each was used last."""

from blocks.gateway.activity import GatewayActivity
from blocks.outside import log, now, outside
from pool.errors import GatewayTrouble
from pool.records import Instance
from pool.sessions.idling import is_idle
from tasks.base import blocking, look_up


async def gateway_activity() -> GatewayActivity | None:
    """What the gateway saw of all sessions; None when it could not be asked: unknown is not idle."""
    try:
        return await blocking(outside().gateway.activity)
    except GatewayTrouble as error:
        log().warning("%s", error)
        return None


@look_up()
async def still_idle(instance: Instance) -> bool:
    """Whether the session is idle by now: its user may have come back since it was looked at."""
    activity = await gateway_activity()
    if activity is None:
        return False
    seen = activity.routes.get(instance.route)
    return is_idle(instance, activity.since, seen.last_seen if seen else None, now())
