"""What a pool is going to want: free slots by its timetable, reserved slots by its courses, and the hosts for both."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pool.courses.course import Course
from pool.errors import BadRequest
from pool.hosts.mix import Demand, Mix, Quota, best_mix, mixed
from pool.records import FlavorSize
from pool.settings import PoolSettings
from pool.timetable import DAY, DAYS, Target, target_at

WEEK = timedelta(days=7)
_CLOCK = re.compile(r"(?:(?P<day>[A-Za-z]{3}) +)?(?P<hour>\d\d):(?P<minute>\d\d)")


@dataclass(frozen=True)
class Wanted:
    """What is wanted from one moment to another, of a pool that has no session yet."""

    since: datetime
    until: datetime
    target: Target  # free slots to keep in hand
    reserved: Mapping[str, int]  # slots by course
    mix: Mix  # the hosts that hold both

    def says_the_same(self, other: "Wanted") -> bool:
        """Whether another time wants the same, for the same reason."""
        return (self.target, self.reserved, self.mix) == (other.target, other.reserved, other.mix)


def read_ahead(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Read a moment to come: "Mon 08:40" and "08:40" (the next one), or "2026-12-07 08:40", in the pool's time zone.

    Raises:
        BadRequest: it is none, or it is over.
    """
    moment = _on_the_clock(text.strip(), now.astimezone(zone)) or _on_a_date(text.strip(), zone)
    if moment is None:
        raise BadRequest(f"{text[:40]!r} is no moment to come: write Mon 08:40, 08:40 or 2026-12-07 08:40")
    if moment < now:
        raise BadRequest(f"{text[:40]!r} is over: write a moment to come, like Mon 08:40")
    return moment.astimezone(UTC)


def _on_the_clock(text: str, local: datetime) -> datetime | None:
    found = _CLOCK.fullmatch(text)
    day = found["day"].title() if found and found["day"] else ""
    if found is None or (day and day not in DAYS) or not (found["hour"] < "24" and found["minute"] < "60"):
        return None
    dates = (local.date() + DAY * number for number in range(8))
    days = (one for one in dates if not day or one.weekday() == DAYS.index(day))
    at = time(int(found["hour"]), int(found["minute"]))
    return next(moment for one in days if (moment := datetime.combine(one, at, local.tzinfo)) >= local)


def _on_a_date(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return None
    return said if said.tzinfo else said.replace(tzinfo=zone)


def week_ahead(settings: PoolSettings, courses: Sequence[Course], now: datetime) -> list[Wanted]:
    """List what is wanted within the next seven days, from each moment at which it changes."""
    return _times(settings, courses, now, now + WEEK)


def ahead_until(settings: PoolSettings, courses: Sequence[Course], at: datetime, now: datetime) -> list[Wanted]:
    """List what is wanted up to the time that a moment is within: that one is the last, whole but for a week at most.

    From when on its hosts are spawned follows from when it begins and what was wanted before, not from the moment.

    Args:
        settings: of the pool.
        courses: its courses.
        at: a moment to come.
        now: what is over by then is not told.
    """
    begin = max(now, at - WEEK)
    return [one for one in _times(settings, courses, begin, at + WEEK) if one.since <= at]


def _times(settings: PoolSettings, courses: Sequence[Course], begin: datetime, end: datetime) -> list[Wanted]:
    turns = sorted({begin, end, *_turns(settings, courses, begin, end)})
    each = [_wanted(settings, courses, since, until) for since, until in pairwise(turns)]
    found: list[Wanted] = []
    for one in each:
        if found and found[-1].says_the_same(one):
            found[-1] = _wanted(settings, courses, found[-1].since, one.until)
        else:
            found.append(one)
    return found


def _turns(settings: PoolSettings, courses: Iterable[Course], since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when a line of the timetable, or the time for which a course's slots are reserved, begins or ends."""
    for entry in settings.timetable:
        yield from entry.turns(since, until)
    for course in courses:
        before = timedelta(seconds=course.reserve_before)
        for begin, end in course.classes(since, until + before):
            yield from (moment for moment in (begin - before, end) if since < moment < until)


def _wanted(settings: PoolSettings, courses: Iterable[Course], since: datetime, until: datetime) -> Wanted:
    held = [course for course in courses if course.reserves(since, since) and course.needs <= settings.largest]
    sessions = tuple(course.needs for course in held for _ in range(course.slots // course.needs))
    target = target_at(settings.timetable, settings.free_slot_target, since)
    if settings.shutdown_mode:
        target, held, sessions = Target(0, "shutdown mode"), [], ()
    demand = Demand(sessions, target.slots, sum(sessions) > settings.slots_small)
    mix = best_mix(demand, FlavorSize.SMALL, settings, settings.max_hosts, Quota({}))
    return Wanted(since, until, target, {course.name: course.slots for course in held}, mix)


def ahead_rows(wanted: Iterable[Wanted], lead: timedelta, zone: ZoneInfo) -> list[dict[str, object]]:
    """One row for each time, with moments of the pool's time zone as ISO 8601.

    From when on hosts are spawned is told where more are wanted than at the time before; of the first it is not known.

    Args:
        wanted: times, as they follow one from the other.
        lead: how long before they are wanted hosts are spawned.
        zone: of the pool.
    """
    each = list(wanted)
    return [
        {
            "since": one.since.astimezone(zone).isoformat(timespec="minutes"),
            "until": one.until.astimezone(zone).isoformat(timespec="minutes"),
            "free_slots": one.target.slots,
            "because": one.target.because,
            "reserved": dict(one.reserved),
            "hosts": mixed(one.mix.sizes) or "none",
            "spawned_from": (one.since - lead).astimezone(zone).isoformat(timespec="minutes") if is_more else None,
            "short": sum(one.mix.shortage),
        }
        for one, is_more in zip(each, _more_hosts(each), strict=True)
    ]


def _more_hosts(wanted: Sequence[Wanted]) -> list[bool]:
    hosts = [(one.mix.large, one.mix.small) for one in wanted]
    return [False, *(after > before for before, after in pairwise(hosts))] if hosts else []
