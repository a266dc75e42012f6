"""Classes that never were: "60@Mon09:00" is one of 60 users, on each Monday of the replay.

The same words say a course that never was: its users come as those of a class do, and have slots that are reserved.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from pool.courses.course import Course
from pool.errors import BadRequest
from pool.sessions.visits import Visit
from pool.timetable import DAYS, Entry

LASTS = timedelta(minutes=90)
_FORM = re.compile(
    r"(?P<users>\d{1,5})@(?P<day>[A-Za-z]{3}) ?(?P<begin>\d\d?:\d\d)(-(?P<end>\d\d?:\d\d))?", re.IGNORECASE
)
_DAY, _MIDNIGHT = timedelta(days=1), timedelta()


@dataclass(frozen=True)
class ExtraClass:
    """So many users who come within minutes, on one day of the week, and stay to its end."""

    users: int
    weekday: int  # 0 is Monday
    begin: timedelta  # since midnight
    lasts: timedelta
    course: str = ""  # that its users are of; empty: of none

    def reserving(self, pool: str, zone: ZoneInfo) -> Course:
        """Return the course: a slot for each user, from a quarter of an hour before the class to its end."""
        time = Entry(self.course, frozenset({self.weekday}), self.begin, self.begin + self.lasts, 0, zone)
        return Course(self.course, pool, blueprint="", needs=1, slots=self.users, times=(time,))


@dataclass(frozen=True)
class Supposed:
    """What is added to a past, and left out of it, as an operator writes it."""

    classes: Sequence[str] = ()  # that never were
    courses: Sequence[str] = ()  # that never were: nothing is reserved for them under today's settings
    without_courses: bool = False  # under the settings that are tried, the pool's courses reserve nothing

    @property
    def extra(self) -> list[ExtraClass]:
        """All whose users come.

        Raises:
            BadRequest: one of them cannot be read.
        """
        courses = (replace(read_class(text), course=text.strip()) for text in dict.fromkeys(self.courses))
        return [*map(read_class, self.classes), *courses]

    @property
    def words(self) -> list[str]:
        """What is tried beside settings."""
        return [*(f"course {one}" for one in self.courses), *(["no courses of the pool"] * self.without_courses)]


def read_class(text: str) -> ExtraClass:
    """Understand "60@Mon09:00", or "60@Mon09:00-10:15" where it does not last 90 minutes.

    Raises:
        BadRequest: it is none; the sentence says how one is written.
    """
    found = _FORM.fullmatch(text.strip())
    day = found["day"].title() if found else ""
    begin = _since_midnight(found["begin"]) if found else None
    end = _since_midnight(found["end"]) if found and found["end"] else (begin or _MIDNIGHT) + LASTS
    if found is None or day not in DAYS or begin is None or end is None or end <= begin:
        raise BadRequest(f"{text[:40]!r} is no class; write users, day and time, like 60@Mon09:00 or 60@Mon09:00-10:30")
    return ExtraClass(int(found["users"]), DAYS.index(day), begin, end - begin)


def visits_of(one: ExtraClass, begin: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Visit]:
    """Yield its users' visits, on each such day: most come within five minutes, a few too early or late.

    Of a class at midnight some come on the day before: the days around the time are looked at, too.

    Chance comes from the class itself: the same class is always the same.
    """
    chance = Random(f"{one.users} {one.weekday} {one.begin}")  # noqa: S311 - no secret: it must be the same each time
    day = begin.astimezone(zone).date() - _DAY
    while day <= until.astimezone(zone).date() + _DAY:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        at = (midnight + one.begin).astimezone(UTC)
        if day.weekday() == one.weekday:
            yield from (visit for visit in _users(one, at, chance) if begin <= visit.at < until)
        day += _DAY


def _users(one: ExtraClass, at: datetime, chance: Random) -> Iterator[Visit]:
    for _ in range(one.users):
        comes = max(-300, min(900, round(chance.gauss(0, 150))))
        stays = max(300.0, one.lasts.total_seconds() - comes + round(chance.gauss(0, 180)))
        yield Visit(at + timedelta(seconds=comes), 1, stayed=stays, allowed=stays, course=one.course)


def _since_midnight(text: str) -> timedelta | None:
    hours, minutes = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes) if minutes < 60 and hours < 24 else None
