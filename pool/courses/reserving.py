"""Room that is kept for courses: on which hosts, and what it leaves to others.

The same rule decides whose turn it is and, inside the write that takes room, whether the room may be taken: so what is
reserved is kept whatever runs at once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from pool.courses.course import Course, course_of, missing_sessions
from pool.records import Host, Instance
from pool.states import HOLDING_ROOM, HostState


@dataclass(frozen=True)
class Reservation:
    """A course whose slots are reserved now."""

    course: Course
    hosts: Set[str]  # names of those that have its image and take new sessions


@dataclass
class KeptRoom:
    """Slots that are kept on hosts, by course. What is decided one after the other is noted in it."""

    courses: Sequence[Course] = ()
    _slots: dict[str, Counter[str]] = field(default_factory=dict)  # by host, then by course

    def keep(self, host: str, course: str, slots: int) -> None:
        """Keep slots of a host for a course."""
        self._slots.setdefault(host, Counter())[course] += slots

    def course_of(self, session: Instance) -> str:
        """Name the course that a session counts for; empty: none of those that room is kept for."""
        return course_of(self.courses, session)

    def from_others(self, host: str, course: str) -> int:
        """Slots of a host that are kept, and not for this course."""
        return sum(slots for name, slots in self._slots.get(host, {}).items() if name != course)

    def as_seen(self, host: Host, course: str) -> Host:
        """Return the host as a session of the course sees it, one of none for "": what is kept for others is taken."""
        kept = self.from_others(host.name, course)
        return replace(host, reserved=min(host.slots, host.reserved + kept)) if kept else host

    def used(self, host: Host, course: str, slots: int) -> Host:
        """Give a session of the course, one of none for "", room on a host; the host as it is then."""
        mine = self._slots.get(host.name, Counter())
        if course and mine.get(course, 0) >= slots:
            self._slots[host.name][course] -= slots
        return replace(host, reserved=host.reserved + slots)

    def closed(self, host: Host, course: str) -> Host:
        """Return the host with room for other courses alone: one of this course, or of none, waits for the rest."""
        self._slots.get(host.name, Counter()).pop(course, None)
        return replace(host, reserved=host.slots - min(host.free, self.from_others(host.name, "")))


@dataclass(frozen=True)
class Reservations:
    """All courses of a pool whose slots are reserved at one moment."""

    all: Sequence[Reservation] = ()

    def kept(self, hosts: Iterable[Host], sessions: Iterable[Instance]) -> KeptRoom:
        """Choose where room is kept: sessions that take much first, on the emptiest hosts; others use the fullest.

        Args:
            hosts: of the pool, in any state.
            sessions: of the pool, in any state.
        """
        courses = [one.course for one in self.all]
        missing = missing_sessions(courses, [one for one in sessions if one.state in HOLDING_ROOM])
        serving = [host for host in hosts if host.state is HostState.ACTIVE and host.is_fit]
        free, kept = {host.name: host.free for host in serving}, KeptRoom(courses)
        for one in sorted(self.all, key=lambda one: (-one.course.needs, one.course.name)):
            needs, left = one.course.needs, missing[one.course.name]
            for host in sorted(free.keys() & one.hosts, key=lambda name: (-free[name], name)):
                number = min(left, free[host] // needs)
                if number:
                    kept.keep(host, one.course.name, number * needs)
                    free[host], left = free[host] - number * needs, left - number
        return kept

    def allow(
        self,
        session: Instance,
        host: str,
        hosts: Sequence[Host],
        sessions: Iterable[Instance],
        for_its_own: bool = True,
    ) -> bool:
        """Whether a session may have room on a host: what is kept there for others stays.

        Args:
            session: that wants room.
            host: name of the host.
            hosts: of the pool, in any state.
            sessions: of the pool, in any state.
            for_its_own: whether it may take what is kept for its own course: one that is moved has room already.
        """
        kept = self.kept(hosts, sessions)
        course = kept.course_of(session) if for_its_own else ""
        return any(kept.as_seen(one, course).free >= session.slots for one in hosts if one.name == host)

    def others_than(self, blueprint: str, options: Mapping[str, Any], user: str) -> bool:
        """Whether slots are reserved for a course that the session of a request in the pool would not be of."""
        return not all(one.course.has_request(blueprint, options, user) for one in self.all)


NOTHING_RESERVED = Reservations()
