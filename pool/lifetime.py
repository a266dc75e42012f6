"""How long a host still serves. Its age counts from first use: an unused host does not age."""

from datetime import datetime

from pool.records import Host
from pool.settings import PoolSettings


def remaining(host: Host, settings: PoolSettings, now: datetime) -> float:
    """Seconds of its lifetime that the host has left; negative past its end."""
    if host.first_used_at is None:
        return settings.host_lifetime
    return settings.host_lifetime - (now - host.first_used_at).total_seconds()


def takes_sessions(host: Host, settings: PoolSettings, now: datetime) -> bool:
    """Whether the host has enough of its lifetime left to be given a new session at all."""
    return remaining(host, settings, now) >= settings.host_lifetime_low
