"""What operators are shown of courses."""

from datetime import datetime

from blocks.outside import now, outside
from pool.courses.course import Course
from pool.courses.shortages import AHEAD, what_is_short
from pool.errors import Refused
from pool.moments import minute
from pool.states import HOLDING_ROOM


def course_rows() -> list[dict[str, object]]:
    """One row for each course, those that cannot be read with the reason alone."""
    found = outside().stored.courses()
    rows = [_row(course) for course in found.known]
    rows += [_unreadable(name, why) for name, why in found.unreadable.items()]
    return sorted(rows, key=lambda row: str(row["course"]))


def _row(course: Course) -> dict[str, object]:
    at = now()
    classes = course.classes(at, at + AHEAD)
    holding = outside().store.instances.all(course.pool, HOLDING_ROOM)
    return {
        "course": course.name,
        "pool": course.pool,
        "blueprint": course.blueprint,
        "times": ", ".join(entry.text for entry in course.times),
        "slots": course.slots,
        "sessions": sum(course.has(one) for one in holding),
        "reserved_now": "yes" if course.reserves(at, at) else "no",
        "next_class": minute(classes[0][0]) if classes else "none within two weeks",
        "starts_before": course.start_before // 60,
        "users": ", ".join(sorted(course.users)),
        "files": course.files,
        "trouble": _trouble(course, at),
    }


def _trouble(course: Course, at: datetime) -> str:
    stored = outside().stored
    try:
        settings = stored.config(course.pool).settings(course.pool)
        lifetime = stored.blueprint(course.blueprint).lifetime
    except Refused as error:  # changed or deleted this moment
        return str(error)
    return what_is_short(course, settings, lifetime, at)


def _unreadable(name: str, why: str) -> dict[str, object]:
    empty = dict.fromkeys(("pool", "blueprint", "times", "slots", "sessions", "reserved_now", "next_class"), "")
    return {"course": name, **empty, "trouble": why}
