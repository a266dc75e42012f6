"""A course as the pool's database keeps it: enough to say whose a session is, and when slots are reserved."""

from typing import Any

from pool.courses.course import Course
from pool.timetable import read_times

_PLAIN = ("name", "pool", "blueprint", "needs", "slots", "reserve_before", "start_before")


def as_kept(course: Course) -> dict[str, Any]:
    """Return what is kept of a course, as JSON can hold it. Its files are not."""
    plain = {name: getattr(course, name) for name in _PLAIN}
    times = [entry.text for entry in course.times]
    return plain | {"times": times, "zone": str(course.times[0].zone), "users": sorted(course.users)}


def of_kept(values: dict[str, Any]) -> Course:
    """Return the course that was kept."""
    plain = {name: values[name] for name in _PLAIN}
    return Course(**plain, times=read_times(values["times"], values["zone"]), users=frozenset(values["users"]))
