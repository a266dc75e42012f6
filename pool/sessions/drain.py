"""What a drain means for the sessions on the host, for those who asked for them."""

from datetime import datetime

from pool.records import Host, Instance
from pool.states import HostState


def notice(host: Host | None) -> str:
    """Return the notice of a draining host for its sessions' platforms, with the reason; else an empty text."""
    if host is None or host.state is not HostState.DRAINING:
        return ""
    until = f"; it ends by {host.drain_deadline:%Y-%m-%d %H:%M} UTC" if host.drain_deadline else ""
    return f"its host {host.name} is taken out of service: {host.reason}{until}"


def ends_at(instance: Instance, host: Host | None) -> datetime | None:
    """Return when the session is over: at its own time, or earlier with its host's drain; None: not known yet."""
    limits = [instance.expires_at, host.drain_deadline if host and host.state is HostState.DRAINING else None]
    return min(filter(None, limits), default=None)
