"""Sessions of a course that are started before its class: which, under which ids, and that it happens once."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pool.courses.course import OPTION, Course

AGAIN = 600  # seconds after which sessions that are still not on record are asked for by another run
_LETTERS_OF_COURSE, _LETTERS_OF_USER, _LETTERS_OF_DIGEST = 18, 18, 8  # of an id, which has 63 at the most


@dataclass(frozen=True)
class CourseStart:
    """One class of a course, with the sessions that are started for it."""

    course: Course
    begins: datetime
    sessions: dict[str, str]  # user by id

    def key_at(self, now: datetime) -> str:
        """Return what Prefect tells one asking from another by: of one class and list of users, one in ten minutes.

        A run that failed, because the image was not offered yet, say, is not the last one so. That a session is started
        once is by its id.
        """
        users = hashlib.sha256("\n".join(sorted(self.course.users)).encode()).hexdigest()[:12]
        attempt = int(now.timestamp()) // AGAIN
        return f"course-{self.course.name}-{self.begins.astimezone(UTC):%Y%m%dT%H%M}-{users}-{attempt}"

    @property
    def request(self) -> dict[str, object]:
        """The parameters of provision-instances."""
        return {
            "sessions": [{"instance_id": one, "user": user} for one, user in self.sessions.items()],
            "blueprint": self.course.blueprint,
            "options": {OPTION: self.course.name},
        }


def start_of(course: Course, begins: datetime) -> CourseStart:
    """Return what is started for the class that begins at this moment: a session for each of its users."""
    return CourseStart(course, begins, {session_id(course.name, begins, user): user for user in sorted(course.users)})


def start_due(course: Course, now: datetime) -> CourseStart | None:
    """Return what is to be started by now: of the class that is on, or begins soon enough; None: nothing.

    A class that the manager slept through the beginning of is started late, as long as it goes on.
    """
    if not course.start_before or not course.users:
        return None
    near = course.classes(now, now + timedelta(seconds=course.start_before))
    return start_of(course, near[0][0]) if near else None


def next_start(course: Course, now: datetime) -> CourseStart | None:
    """Return what is started for the class that is on, or for the next one within two weeks; None: there is none."""
    coming = course.classes(now, now + timedelta(days=14))
    return start_of(course, coming[0][0]) if coming else None


def starts_due(courses: Sequence[Course], known: Collection[str], now: datetime) -> list[CourseStart]:
    """List what is to be started now, of which some session is not on record yet.

    Args:
        courses: of a pool.
        known: ids of sessions that are on record, in any state.
        now: the moment of deciding.
    """
    due = [start for course in courses if (start := start_due(course, now))]
    return [start for start in due if not set(known) >= start.sessions.keys()]


def session_id(course: str, begins: datetime, user: str) -> str:
    """Return the id of a user's session in one class: the same each time that it is asked for."""
    at = begins.astimezone(UTC)
    digest = hashlib.sha256(f"{course}\n{at.isoformat()}\n{user}".encode()).hexdigest()[:_LETTERS_OF_DIGEST]
    name = re.sub(r"[^a-z0-9]+", "-", user.lower()).strip("-")[:_LETTERS_OF_USER].strip("-")
    of = re.sub(r"[^a-z0-9]+", "-", course.lower()).strip("-")[:_LETTERS_OF_COURSE].strip("-")
    return "-".join(filter(None, (of, f"{at:%y%m%d-%H%M}", name, digest)))
