"""When the user of a session may let it go on, from the page that is open, and for how long."""

from datetime import datetime, timedelta

from pool.moments import after
from pool.records import Instance
from pool.states import InstanceState

#: Seconds before its end from which on a session may be extended, where its extension is not shorter than twice that.
OFFERED = 600


def extendable_from(expires_at: datetime | None, extend_by: int, extensions: int) -> datetime | None:
    """Return the moment from which on a session's user may extend it; None: not at all.

    Half of an extension before the end at the earliest: so each one lets the session go on for at least the other half,
    and after one no other is due yet. A request that is read twice is granted once.

    Args:
        expires_at: when its time is over.
        extend_by: seconds that an extension lets it go on for, from the moment of the request; 0: there is none.
        extensions: how many are left.
    """
    if expires_at is None or not extend_by or not extensions:
        return None
    return expires_at - timedelta(seconds=min(OFFERED, extend_by // 2))


def extended_to(instance: Instance, asked_at: datetime) -> datetime | None:
    """Return the new end of a session whose user requested an extension; None: it may have none, or had it already."""
    offered = extendable_from(instance.expires_at, instance.extend_by, instance.extensions)
    if offered is None or asked_at < offered or instance.state is not InstanceState.RUNNING:
        return None
    return after(asked_at, instance.extend_by)
