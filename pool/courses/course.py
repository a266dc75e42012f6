"""A course: whose sessions it has, when its class is, and how many slots are reserved for it then."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pool.errors import Refused
from pool.records import Instance
from pool.states import HOLDING_ROOM, InstanceState
from pool.timetable import Entry

#: Option of a request that names a course.
OPTION = "course"
COUNTED = HOLDING_ROOM | {InstanceState.QUEUED}


@dataclass(frozen=True)
class Course:
    """What is reserved for one group of users. The block ``course/<name>`` is its form."""

    name: str
    pool: str  # its blueprint's
    blueprint: str  # that its sessions are made by
    needs: int  # slots of one session
    slots: int  # that are reserved for its sessions, all together
    times: tuple[Entry, ...]  # of its class
    users: frozenset[str] = frozenset()  # its members; none: who names it in a request
    reserve_before: int = 900  # seconds before the class, from which on its slots are reserved
    start_before: int = 0  # seconds before the class at which its members' sessions are started; 0: they are not
    files: str = ""  # name of the folder or archive of its files on the manager; empty: it has none
    files_at: str = "/course"  # where its sessions have them

    def has(self, session: Instance) -> bool:
        """Whether a session is one of the course's: its request names the course, or names none and is a member's."""
        return session.pool == self.pool and self.has_request(session.blueprint, session.options, session.user)

    def has_request(self, blueprint: str, options: Mapping[str, Any], user: str) -> bool:
        """Whether the session of a request in its pool would be one of the course's."""
        named = options.get(OPTION)
        return blueprint == self.blueprint and (named == self.name if named else user in self.users)

    def reserves(self, since: datetime, until: datetime) -> bool:
        """Whether its slots are reserved at some moment from *since* to *until*."""
        latest = until + timedelta(seconds=self.reserve_before)
        return any(True for entry in self.times for _ in entry.spans(since, latest))

    def classes(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """List when its classes begin and end, those that have begun by *until* and go on after *since*, in order."""
        return sorted({span for entry in self.times for span in entry.spans(since, until)})


def course_of(courses: Iterable[Course], session: Instance) -> str:
    """Name the course that a session counts for: the first one that has it; empty: none."""
    return next((course.name for course in courses if course.has(session)), "")


def missing_sessions(courses: Sequence[Course], sessions: Iterable[Instance]) -> dict[str, int]:
    """Count, by course, the sessions that its reserved slots are left for, beside those that there are.

    Args:
        courses: those whose slots are reserved.
        sessions: of the pool; each counts for one course.
    """
    taken: Counter[str] = Counter()
    for one in sessions:
        if name := course_of(courses, one):
            taken[name] += one.slots
    return {course.name: max(0, course.slots - taken[course.name]) // course.needs for course in courses}


def slots_to_come(
    courses: Sequence[Course], sessions: Iterable[Instance], since: datetime, until: datetime
) -> Iterator[int]:
    """Yield the slots of each session that a pool must have room for, so that what is reserved is there.

    Args:
        courses: of the pool.
        sessions: of the pool; those that hold room, or wait for some, are counted as such elsewhere.
        since: first moment of those for which room is planned.
        until: the last one.
    """
    reserved = [course for course in courses if course.reserves(since, until)]
    missing = missing_sessions(reserved, [one for one in sessions if one.state in COUNTED]) if reserved else {}
    for course in reserved:
        yield from (course.needs for _ in range(missing[course.name]))


def reserved_words(courses: Iterable[Course], sessions: Iterable[Instance], now: datetime) -> str:
    """Say what is reserved and not had yet, to who waits beside it; empty: nothing is.

    Args:
        courses: of the pool.
        sessions: of the pool.
        now: the moment of saying it.
    """
    current = [course for course in courses if course.reserves(now, now)]
    missing = missing_sessions(current, [one for one in sessions if one.state in HOLDING_ROOM]) if current else {}
    slots = {course.name: missing[course.name] * course.needs for course in current}
    told = [f"{number} for course {name}" for name, number in slots.items() if number]
    return f"slots are reserved: {', '.join(told)}" if told else ""


def check_member(course: Course, blueprint: str, user: str) -> None:
    """Refuse a request that names a course whose session it cannot be.

    Raises:
        Refused: "course bio101 is of blueprint rstudio, not jupyter-minimal"; or the user is no member.
    """
    if blueprint != course.blueprint:
        raise Refused(f"course {course.name} is of blueprint {course.blueprint}, not {blueprint}")
    if course.users and user not in course.users:
        raise Refused(f"user {user!r} is not in course {course.name}; its block course/{course.name} lists its users")
