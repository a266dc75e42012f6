"""Which host a new instance goes to."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from pool.hosts.lifetime import remaining, takes_sessions, within_hard_limit
from pool.records import Host
from pool.settings import PoolSettings
from pool.states import HostState


def candidates(
    hosts: Iterable[Host],
    slots: int,
    now: datetime,
    settings: PoolSettings,
    lifetime: int,
    avoid: Collection[str] = (),
    full: bool = False,
) -> list[Host]:
    """Every host that the instance could go to, best first.

    Hosts that outlive the session come first, then those that do not; the fullest first within each. Hosts near the
    end of their lifetime, or past it, come after them, and only where the pool is full, so that no new host could come
    instead. Hosts to avoid, where this session failed before, come last of all.

    Args:
        hosts: of one pool.
        slots: that the instance needs.
        now: the moment of placing.
        settings: of the pool.
        lifetime: seconds that the session may last.
        avoid: names of hosts.
        full: whether the pool has as many hosts as it may have.
    """
    with_room = (host for host in hosts if host.state is HostState.ACTIVE and host.free >= slots)
    usable = [
        host
        for host in with_room
        if takes_sessions(host, settings, now) or (full and within_hard_limit(host, settings, now))
    ]
    ages = {host.name: _age(host, settings, now, lifetime) for host in usable}
    return sorted(usable, key=lambda host: (host.name in avoid, ages[host.name], host.free, host.name))


def _age(host: Host, settings: PoolSettings, now: datetime, lifetime: int) -> tuple[bool, bool]:
    """Whether the host is near its end, and whether it ends before the session does."""
    return not takes_sessions(host, settings, now), remaining(host, settings, now) < lifetime


def newest_version_first(
    hosts: Iterable[Host], holders: Sequence[Collection[str]], avoid: Collection[str] = ()
) -> list[Host]:
    """Hosts that have the image, those with the newest version of it first; otherwise in the order given.

    A session runs the newest version as soon as a host with room has it, and an older one rather than wait.

    Args:
        hosts: in order of preference.
        holders: names of the hosts that have a version, the newest version first.
        avoid: names of hosts that come last all the same.
    """
    rank = {name: number for number, names in reversed(list(enumerate(holders))) for name in names}
    having = [host for host in hosts if host.name in rank]
    return sorted(having, key=lambda host: (host.name in avoid, rank[host.name]))
