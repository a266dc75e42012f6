"""When a session is idle."""

from datetime import datetime

from pool.records import Instance
from pool.states import InstanceState


def is_idle(instance: Instance, watched_since: datetime | None, last_used: datetime | None, at: datetime) -> bool:
    """Whether a running session was not used for longer than its blueprint allows, where it has such a limit.

    Idle time counts from when the gateway began to look: what was before is unknown. An open browser is use, since it
    answers its kernel's pings.

    Args:
        instance: with its limit, in seconds, or none.
        watched_since: when the gateway began to look; None where it could not be asked.
        last_used: last request or traffic of a browser, where there was one.
        at: the moment that is asked about.
    """
    if not instance.idle_timeout or instance.state is not InstanceState.RUNNING or watched_since is None:
        return False
    used = max(instance.state_since, watched_since, last_used or watched_since)
    return (at - used).total_seconds() > instance.idle_timeout
