"""What a drain means for the sessions on the host, for those who asked for them."""

from datetime import datetime, timedelta

from pool.hosts.reach import PROBED
from pool.moments import minute
from pool.records import Host, Instance
from pool.states import HostState

#: Before the deadline of a drain: a session is backed up twice, and brought back, and four are moved at once.
LEAVE_BEFORE = timedelta(minutes=10)


def notice(host: Host | None) -> str:
    """Return what a session's platform is told of its host: that it drains, and why; that it is out of reach."""
    if host is None or host.state not in PROBED:
        return ""
    silent = (
        f"its host {host.name} does not answer since {minute(host.unreachable_since)}" if host.unreachable_since else ""
    )
    return "; ".join(filter(None, (silent, _drain_words(host))))


def _drain_words(host: Host) -> str:
    if host.state is not HostState.DRAINING:
        return ""
    until = f"; it ends by {minute(host.drain_deadline)}" if host.drain_deadline else ""
    return f"its host {host.name} is taken out of service: {host.reason}{until}"


def drain_ends_soon(host: Host, at: datetime) -> datetime | None:
    """Return the deadline of the host's drain, where it is so near that its sessions are to leave; None otherwise."""
    until = host.drain_deadline if host.state is HostState.DRAINING else None
    return until if until and until - LEAVE_BEFORE <= at < until else None


def drain_over_since(host: Host, at: datetime) -> datetime | None:
    """Return the deadline of the host's drain, where it is over; None while its sessions have time."""
    until = deadline_of(host)
    return until if until and until <= at else None


def deadline_of(host: Host) -> datetime | None:
    """Return until when the drain of the host has; None: it does not drain, or has no deadline."""
    return host.drain_deadline if host.state is HostState.DRAINING else None


def ends_at(instance: Instance, host: Host | None) -> datetime | None:
    """Return when the session is over: when it ended; else at its own time, or earlier with its host's drain.

    None: not known yet.
    """
    if instance.ended_at:
        return instance.ended_at
    limits = [instance.expires_at, deadline_of(host) if host else None]
    return min(filter(None, limits), default=None)
