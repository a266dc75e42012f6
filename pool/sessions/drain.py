"""What a drain means for the sessions on the host, for those who asked for them."""

from datetime import datetime

from pool.records import Host, Instance
from pool.states import HostState


def notice(host: Host | None) -> str:
    """What a session's platform should know of its host: that it is taken out of service, and why; empty: nothing."""
    if host is None or host.state is not HostState.DRAINING:
        return ""
    until = f"; it ends by {host.drain_deadline:%Y-%m-%d %H:%M} UTC" if host.drain_deadline else ""
    return f"its host {host.name} is taken out of service: {host.reason}{until}"


def ends_at(instance: Instance, host: Host | None) -> datetime | None:
    """When the session is over: at its own time, or earlier with the drain of its host; None: nobody knows yet."""
    limits = [instance.expires_at, host.drain_deadline if host and host.state is HostState.DRAINING else None]
    return min(filter(None, limits), default=None)
