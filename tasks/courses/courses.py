"""What sessions have to do with courses: whose they are, what is reserved now, which are started before a class."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blocks.outside import now, outside
from pool.courses.course import OPTION, Course, check_member, reserved_words
from pool.courses.reserving import KeptRoom, Reservations
from pool.courses.starting import CourseStart, next_start, start_due
from pool.errors import NotFound, Refused
from pool.records import BlueprintSpec, Host, Instance
from pool.sessions.placement import reservations_at
from pool.settings import PoolSettings
from pool.states import HOLDING_ROOM
from tasks.base import look_up
from tasks.images.versions import holders


def reservations_of(pool: str, hosts: Iterable[Host], settings: PoolSettings) -> Reservations:
    """Return what is reserved for courses of a pool at this moment, and on which of its hosts it can be kept."""
    return reservations_at(outside().stored.courses().of(pool), _holders, hosts, settings, now())


def kept_room(reservations: Reservations, pool: str, hosts: Sequence[Host]) -> KeptRoom:
    """Return the room that is kept for courses by what is on record now."""
    sessions = outside().store.instances.all(pool, HOLDING_ROOM) if reservations.all else []
    return reservations.kept(hosts, sessions)


def courses_with_files(session: Instance) -> list[Course]:
    """List the courses whose files a session is given: those that have it, and that have some."""
    return [one for one in outside().stored.courses().of(session.pool) if one.files and one.has(session)]


def gets_files(blueprint: BlueprintSpec, options: Mapping[str, Any], user: str) -> bool:
    """Whether the session of a request is given the files of a course: it must have them before it starts."""
    courses = outside().stored.courses().of(blueprint.pool)
    return any(one.files and one.has_request(blueprint.name, options, user) for one in courses)


def reserved_now(pool: str) -> str:
    """Say what is reserved in the pool at this moment, and not had yet; empty: nothing is."""
    courses = outside().stored.courses().of(pool)
    return reserved_words(courses, outside().store.instances.all(pool, HOLDING_ROOM), now()) if courses else ""


def _holders(course: Course) -> set[str]:
    try:
        return set().union(*holders(outside().stored.blueprint(course.blueprint)))
    except Refused:  # its image is not offered any more: no host has it
        return set()


def course_troubles(blueprint: BlueprintSpec, options: Mapping[str, Any], users: Iterable[str]) -> dict[str, str]:
    """Say, by user, why a request that names a course cannot be one of it; nothing where it names none.

    Raises:
        NotFound: it names a course that there is not; the message lists those that exist.
    """
    if not options.get(OPTION):
        return {}
    course, found = outside().stored.course(options[OPTION]), dict[str, str]()
    for user in users:
        try:
            check_member(course, blueprint.name, user)
        except Refused as refusal:
            found[user] = str(refusal)
    return found


@look_up()
def due_start(course: str) -> CourseStart | None:
    """Return what is to be started for a course now, by its block as it is now; None: nothing any more."""
    try:
        return start_due(outside().stored.course(course), now())
    except NotFound:
        return None


@look_up()
def coming_start(course: str) -> CourseStart:
    """Return what is started for the class that is on, or for the next one, whenever it is.

    Raises:
        NotFound: no course has this name; the message lists those that exist.
        Refused: it has no users, or no class within two weeks.
    """
    known = outside().stored.course(course)
    start = next_start(known, now())
    if not known.users:
        raise Refused(f"course {course} has no users: for whom sessions are to be started is not known")
    if start is None:
        raise Refused(f"course {course} has no class within two weeks")
    return start
