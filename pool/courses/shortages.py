"""Say before a class what its course will lack: hosts for its slots, or time for its sessions."""

from datetime import datetime, timedelta

from pool.courses.course import Course
from pool.printable import how_many
from pool.settings import PoolSettings

AHEAD = timedelta(days=14)  # in which classes are looked for: a course is every week


def what_is_short(course: Course, settings: PoolSettings, lifetime: int, now: datetime) -> str:
    """Say in a sentence what the course's next classes will lack; empty: nothing.

    Args:
        course: as it is saved.
        settings: of its pool.
        lifetime: seconds that a session by its blueprint lives.
        now: the moment of asking.
    """
    return "; ".join(filter(None, (_of_slots(course, settings), _of_time(course, lifetime, now))))


def _of_slots(course: Course, settings: PoolSettings) -> str:
    most = settings.max_hosts * settings.largest
    if course.slots <= most:
        return ""
    hosts = f"{how_many(settings.max_hosts, 'host')} of at most {how_many(settings.largest, 'slot')} (DD_MAX_HOSTS)"
    return f"{how_many(course.slots - most, 'slot')} short: pool {course.pool} may have {hosts}"


def _of_time(course: Course, lifetime: int, now: datetime) -> str:
    spans = course.classes(now, now + AHEAD)
    longest = max((int((end - begin).total_seconds()) for begin, end in spans), default=0)
    needed = longest + course.start_before
    if not course.start_before or needed <= lifetime:
        return ""
    lives = f"blueprint {course.blueprint} has a lifetime of {lifetime} s"
    return f"its sessions end before its class: {lives}, and {needed} s are needed"
