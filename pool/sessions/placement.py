"""Which host a new instance goes to."""

from collections.abc import Callable, Collection, Iterable, Sequence, Set
from datetime import datetime

from pool.courses.course import Course
from pool.courses.reserving import Reservation, Reservations
from pool.hosts.lifetime import past_hard_limit, remaining, takes_sessions
from pool.records import Host
from pool.settings import PoolSettings
from pool.states import HostState


def candidates(
    hosts: Iterable[Host],
    slots: int,
    now: datetime,
    settings: PoolSettings,
    lifetime: float,
    avoid: Collection[str] = (),
    old_too: bool = False,
) -> list[Host]:
    """Every host that the instance could go to, best first.

    Hosts that outlive the session come first, then those that do not; the fullest first within each. Hosts near the
    end of their lifetime, or past it, come after them; a session that would outlive one goes there only as a last
    resort. Hosts to avoid, where this session failed before, come last of all.

    Args:
        hosts: of one pool.
        slots: that the instance needs.
        now: the moment of placing.
        settings: of the pool.
        lifetime: seconds that the session may last.
        avoid: names of hosts.
        old_too: whether it may go to a host near or past its end: no new one could come, or it does not wait for one.
    """
    with_room = (host for host in hosts if host.state is HostState.ACTIVE and host.free >= slots)
    usable = [host for host in with_room if may_take(host, now, settings, lifetime, old_too)]
    ages = {host.name: _age(host, settings, now, lifetime) for host in usable}
    return sorted(usable, key=lambda host: (host.name in avoid, ages[host.name], host.free, host.name))


def may_take(host: Host, now: datetime, settings: PoolSettings, lifetime: float, old_too: bool) -> bool:
    """Whether a session may go to the host by its age: arguments as in :func:`candidates`."""
    fits = old_too or 0 < lifetime <= remaining(host, settings, now)
    return takes_sessions(host, settings, now) or (fits and host.is_fit)


def _age(host: Host, settings: PoolSettings, now: datetime, lifetime: float) -> tuple[bool, bool, bool]:
    """Whether the host is near its end, whether it is past the hard limit, and whether it ends before the session."""
    left = remaining(host, settings, now)
    return not takes_sessions(host, settings, now), past_hard_limit(host, settings, now), left < lifetime


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


def reservations_at(
    courses: Iterable[Course],
    holders: Callable[[Course], Set[str]],
    hosts: Iterable[Host],
    settings: PoolSettings,
    now: datetime,
) -> Reservations:
    """Return what is reserved for courses at a moment, and on which hosts it can be kept.

    Args:
        courses: of the pool.
        holders: names the hosts that have a course's image.
        hosts: of the pool.
        settings: of the pool.
        now: the moment.
    """
    current = [course for course in courses if course.reserves(now, now)]
    serving = {host.name for host in hosts if takes_sessions(host, settings, now)} if current else set()
    return Reservations([Reservation(course, serving & holders(course)) for course in current])
