"""How long a host still serves.

Its age counts from first use: an unused host does not age. But once the pool is unused, its large hosts age all the
same, so that they give way to a small one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pool.records import FlavorSize, Host
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS, HostState


def remaining(host: Host, settings: PoolSettings, now: datetime, unused_since: datetime | None = None) -> float:
    """Seconds of its lifetime that the host has left; negative past its end.

    Args:
        host: of any state.
        settings: of its pool.
        now: the moment of asking.
        unused_since: when the last session left the pool; None: it has some, or never had any.
    """
    ages_since = [moment for moment in (host.first_used_at, _given_up_on(host, unused_since)) if moment]
    if not ages_since:
        return settings.host_lifetime
    return settings.host_lifetime - (now - min(ages_since)).total_seconds()


def takes_sessions(host: Host, settings: PoolSettings, now: datetime, unused_since: datetime | None = None) -> bool:
    """Whether the host can take any, and has enough of its lifetime left to be given a new session at all."""
    enough = remaining(host, settings, now, unused_since) >= settings.host_lifetime_low
    return enough and _is_fit(host)


def within_hard_limit(host: Host, settings: PoolSettings, now: datetime) -> bool:
    """Whether the host can take sessions, and may still serve where its pool has no other room."""
    return _is_fit(host) and remaining(host, settings, now) + settings.host_lifetime_extra > 0


def _is_fit(host: Host) -> bool:
    """Whether the host is in reach and has room on its disk."""
    return host.unreachable_since is None and host.disk_low_since is None


def unused_since(hosts: Iterable[Host]) -> datetime | None:
    """Return since when no session holds room in the pool, or, if none ever did, could have; None while one does."""
    hosts = [*hosts]
    if any(host.reserved for host in hosts):
        return None
    left = [host.idle_since for host in hosts if host.idle_since]
    return max(left) if left else min((host.active_at for host in hosts if host.active_at), default=None)


def is_full(hosts: Iterable[Host], settings: PoolSettings) -> bool:
    """Whether the pool has as many hosts as it may have, so that no new one can relieve an old one."""
    return sum(host.state in LIVING_HOSTS for host in hosts) >= settings.max_hosts


def working_overtime(hosts: Sequence[Host], settings: PoolSettings, now: datetime) -> frozenset[str]:
    """Names of the hosts that go on past their lifetime: the pool is full, and has no free slot without them.

    The oldest are let go first, as long as the others have room.
    """
    if not is_full(hosts, settings):
        return frozenset()
    serving = [host for host in hosts if _serves(host, settings) and within_hard_limit(host, settings, now)]
    old = [host for host in serving if remaining(host, settings, now) <= 0]
    free, kept = sum(host.free for host in serving), set()
    for host in sorted(old, key=lambda host: (host.first_used_at, host.name)):
        if free > host.free:
            free -= host.free
        else:
            kept.add(host.name)
    return frozenset(kept)


def _given_up_on(host: Host, unused: datetime | None) -> datetime | None:
    """Return when an unused large host began to age."""
    if unused is None or host.flavor is FlavorSize.SMALL or host.active_at is None:
        return None
    return max(host.active_at, unused)


def _serves(host: Host, settings: PoolSettings) -> bool:
    return host.state is HostState.ACTIVE and host.errors <= settings.max_host_errors
