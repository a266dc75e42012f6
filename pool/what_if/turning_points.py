"""When the answer of a rule may change by time alone, so that a replay can leave out the ticks until then."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pool.courses.course import Course
from pool.hosts.launching import LONGEST_LEAD, lead
from pool.hosts.lifetime import unused_since
from pool.hosts.sizing import KEPT_UNUSED
from pool.records import Host
from pool.settings import PoolSettings
from pool.states import LIVING_HOSTS

#: No more than so much is left out, whatever the rules look at besides.
LONGEST_SKIP = timedelta(minutes=15)
_KEPT = timedelta(seconds=KEPT_UNUSED)
_DAY = timedelta(days=1)


class TurningPoints:
    """The moments of one pool; one too many costs a tick, one too few may cost a quarter of an hour.

    Args:
        settings: of the pool.
        begin: of the time that they are wanted for.
        until: its end.
        courses: of the pool.
    """

    def __init__(
        self, settings: PoolSettings, begin: datetime, until: datetime, courses: Sequence[Course] = ()
    ) -> None:
        self._ages = (
            timedelta(seconds=settings.host_lifetime - settings.host_lifetime_low),
            timedelta(seconds=settings.host_lifetime),
            timedelta(seconds=settings.host_lifetime + settings.host_lifetime_extra),
            _KEPT,
        )
        self._edges = sorted({*_edges(settings, begin, until), *_edges_of_courses(courses, begin, until)})

    def after(self, now: datetime, hosts: Iterable[Host]) -> datetime:
        """Return the first one that is not before *now*."""
        hosts = [*hosts]
        points = [*self._of_timetable(now, lead(hosts)), *self._of_hosts(now, hosts)] if hosts else [now]
        return min(points, default=now + LONGEST_SKIP)

    def _of_timetable(self, now: datetime, ahead: timedelta) -> Iterator[datetime]:
        """Yield when a line or a reservation begins or ends, now, for a host spawned now, or for one let go now."""
        yield now + LONGEST_SKIP
        for edge in self._edges[bisect_left(self._edges, now - _KEPT) :]:
            if edge > now + LONGEST_LEAD + _KEPT + LONGEST_SKIP:
                return
            yield from (point for point in (edge, edge + _KEPT, edge - ahead, edge - ahead - _KEPT) if point >= now)

    def _of_hosts(self, now: datetime, hosts: Iterable[Host]) -> Iterator[datetime]:
        """Yield when one of them gets old, or has been unused for long."""
        hosts = [*hosts]
        since = {unused_since(hosts)}
        for host in (host for host in hosts if host.state in LIVING_HOSTS):
            since |= {host.first_used_at, host.active_at, host.idle_since}
        yield from (point for moment in since if moment for age in self._ages if (point := moment + age) >= now)


def _edges(settings: PoolSettings, begin: datetime, until: datetime) -> Iterator[datetime]:
    for entry in settings.timetable:
        day = begin - _DAY
        while day < until + _DAY:
            yield from entry.bounds(day.astimezone(entry.zone).date())
            day += _DAY


def _edges_of_courses(courses: Sequence[Course], begin: datetime, until: datetime) -> Iterator[datetime]:
    for course in courses:
        ahead = timedelta(seconds=course.reserve_before)
        for class_begins, class_ends in course.classes(begin - _DAY, until + _DAY):
            yield from (class_begins - ahead, class_ends)
