"""When a pool keeps more free slots in hand than usual: "Mon-Fri 08:45-12:00: 60", in a named time zone."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from pool.errors import BadRequest
from pool.faults import read_each
from pool.notation import read_list

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LINE = re.compile(
    r"(?P<days>[A-Za-z,-]+) +(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d) *: *(?P<slots>\d{1,6})( +free +slots)?"
)
FORM = "write it like 'Mon-Fri 08:45-12:00: 60' (days: Mon, Mon-Fri, Mon,Wed or daily; times to 24:00; {counted})"
TIME_FORM = "write it like 'Mon,Wed 09:00-11:00' (days: Mon, Mon-Fri, Mon,Wed or daily; times to 24:00)"
END_OF_ENTRY = re.compile(r"\d\d:\d\d *: *\d+( +free +slots)? *$")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """So many free slots, or standbys, on these days of the week, from one time of day to another."""

    text: str  # as the operator wrote it, every dash a hyphen
    days: frozenset[int]  # 0 is Monday; of the beginning
    begin: timedelta  # since midnight
    end: timedelta  # since midnight of the first day: more than 24 hours when it goes on past midnight
    slots: int
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether *now* is in its time. An hour that the clocks skip or repeat makes the time longer, never shorter."""
        today = now.astimezone(self.zone).date()
        times = (self.bounds(day) for day in (today - DAY, today) if day.weekday() in self.days)
        return any(begin <= now < end for begin, end in times)

    def spans(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield when its time begins and ends, each that has begun by *until* and goes on after *since*."""
        first, last = (moment.astimezone(self.zone).date() for moment in (since, until))
        days = (first + DAY * number for number in range(-1, (last - first).days + 1))
        times = (self.bounds(day) for day in days if day.weekday() in self.days)
        return ((begin, end) for begin, end in times if begin <= until and since < end)

    def turns(self, after: datetime, before: datetime) -> Iterator[datetime]:
        """Yield when its time begins or ends between two moments."""
        return (moment for moment in chain.from_iterable(self.spans(after, before)) if after < moment < before)

    @lru_cache(maxsize=4096)  # noqa: B019 - entries are few, and equal ones share what is known of them
    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Return when its time begins and ends, if it holds on this day at all."""
        return min(self._moments(day, self.begin)), max(self._moments(day, self.end))

    def _moments(self, day: date, since_midnight: timedelta) -> tuple[datetime, datetime]:
        """Return the moments that a local time may mean: two when the clocks change."""
        wall = datetime.combine(day, time()) + since_midnight
        first, second = (wall.replace(fold=fold, tzinfo=self.zone).astimezone(UTC) for fold in (0, 1))
        return first, second


@dataclass(frozen=True)
class Target:
    """How many free slots are wanted, and by what."""

    slots: int
    because: str = ""  # the timetable's line; empty: the usual target


def read_timetable(
    lines: Iterable[str], zone: str, setting: str = "DD_TIMETABLE", counted: str = "free slots"
) -> tuple[Entry, ...]:
    """Understand what the operator wrote.

    Args:
        lines: one for each time.
        zone: name of the time zone.
        setting: that holds the lines, for messages.
        counted: what a line's number is of, likewise.

    Raises:
        BadRequest: names the lines, or the time zone, and says how they are written.
    """
    known = _zone(zone)
    form = FORM.format(counted=counted)
    return tuple(read_each(lambda line: _entry(_plain(line), known, f"{setting}: ", form), lines))


def read_times(lines: Iterable[str], zone: str) -> tuple[Entry, ...]:
    """Understand times of a week, written like the timetable's lines without a number: "Mon,Wed 09:00-11:00".

    Raises:
        BadRequest: names the lines, or the time zone, and says how they are written.
    """
    known = _zone(zone)
    return tuple(read_each(lambda line: _time(_plain(line), known), lines))


def _plain(line: str) -> str:
    return line.strip().replace("\u2013", "-")


def split_timetable(text: str) -> list[str]:
    """Read lines of a timetable from one text: between semicolons or lines, as JSON, or between commas.

    Days have commas of their own: an entry goes on until its number of slots.
    """
    if any(sign in text for sign in ";\n[") or "," not in text:
        return read_list(text)
    lines = [""]
    for part in text.split(","):
        whole = END_OF_ENTRY.search(lines[-1])
        lines += [part] if whole else [f"{lines.pop()},{part}".lstrip(",")]
    return [line.strip() for line in lines if line.strip()]


def target_at(entries: Sequence[Entry], usual: int, now: datetime) -> Target:
    """Return the target at this moment: the last line that applies wins; without one, the usual target."""
    holding = (Target(entry.slots, entry.text) for entry in reversed(entries) if entry.holds(now))
    return next(holding, Target(usual))


def largest_target(entries: Sequence[Entry], usual: int, since: datetime, until: datetime) -> Target:
    """Return the largest target between two moments, these included; also of a line that begins and ends in between."""
    turns = (moment for entry in entries for moment in entry.turns(since, until))
    return max((target_at(entries, usual, at) for at in (since, *turns, until)), key=lambda target: target.slots)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # unknown, a folder of zones, or no name at all
        raise BadRequest(f"DD_TIMEZONE: no time zone is named {name!r}; write it like Europe/Berlin or UTC") from error


def _time(line: str, zone: ZoneInfo) -> Entry:
    found = LINE.fullmatch(f"{line}: 0")
    entry = _read(found, zone) if found else None
    if entry is None:
        raise BadRequest(f"the time {line[:80]!r} cannot be read; {TIME_FORM}")
    return replace(entry, text=line)


def _entry(line: str, zone: ZoneInfo, setting: str, form: str) -> Entry:
    found = LINE.fullmatch(line)
    entry = _read(found, zone) if found else None
    if entry is None:
        raise BadRequest(f"{setting}{line[:80]!r} cannot be read; {form}")
    return entry


def _read(found: re.Match[str], zone: ZoneInfo) -> Entry | None:
    """The entry, or None when one of its days is no day or one of its times no time."""
    days, begin, end = _days(found["days"]), _since_midnight(found["begin"]), _since_midnight(found["end"])
    if not days or begin is None or end is None or begin >= DAY:
        return None
    return Entry(found[0], days, begin, end if end > begin else end + DAY, int(found["slots"]), zone)


def _days(text: str) -> frozenset[int]:
    """Numbers of the days; none when one of them is no day."""
    if text.lower() == "daily":
        return frozenset(range(7))
    parts = [_range(part) for part in text.split(",")]
    return frozenset(chain.from_iterable(parts)) if all(parts) else frozenset()


def _range(text: str) -> frozenset[int]:
    ends = [name.title() for name in text.split("-")]
    if len(ends) > 2 or not set(ends) <= set(DAYS):
        return frozenset()
    first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))


def _since_midnight(text: str) -> timedelta | None:
    hours, minutes = map(int, text.split(":"))
    since = timedelta(hours=hours, minutes=minutes)
    return since if minutes < 60 and since <= DAY else None
