"""The rushes in a demand: times of the week at which many come within minutes, and the timetable that awaits them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pool.sessions.visits import Visit
from pool.timetable import DAYS, Entry, read_timetable

_WIDTH, _STEP = 30, 5  # minutes: a class comes within so many; they are counted in so many
_SAME = 3  # steps between the rushes of two weeks that are one rush of the week
_EARLY = timedelta(minutes=5)  # before the first of a rush come


def timetable_of_rushes(visits: Sequence[Visit], zone: ZoneInfo, least: int) -> tuple[Entry, ...]:
    """Return a line for each rush of the week: its slots are free just before it begins.

    The line ends when the rush begins. Free slots that are wanted while the class comes would be spawned beside those
    that it takes, and so twice.

    Args:
        visits: of one week or more; of several weeks the largest rush counts.
        zone: that the days and times are of.
        least: slots within half an hour that make a rush.
    """
    lines = sorted({line for week in _weeks(visits, zone) for line in _rushes(week, least)})
    return read_timetable([_line(*line) for line in _largest(lines)], str(zone))


def _weeks(visits: Sequence[Visit], zone: ZoneInfo) -> list[Counter[int]]:
    """Return for each week the slots requested in each step of five minutes, counted from Monday 00:00."""
    weeks: dict[tuple[int, int], Counter[int]] = {}
    for visit in visits:
        local = visit.at.astimezone(zone)
        week = weeks.setdefault(local.isocalendar()[:2], Counter())
        week[_step(local)] += visit.slots
    return [*weeks.values()]


def _step(local: datetime) -> int:
    return (local.weekday() * 24 * 60 + local.hour * 60 + local.minute) // _STEP


def _rushes(week: Counter[int], least: int) -> Iterator[tuple[int, int]]:
    """Yield the first step of each rush and its slots."""
    taken = -1
    for step in sorted(week):
        following = range(step, step + _WIDTH // _STEP)
        slots = sum(week[one] for one in following)
        rises = week[step] * 8 >= slots or week[step] >= least  # else it begins later
        if step > taken and slots > least and rises:
            taken = following[-1]
            yield step, slots


def _largest(lines: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield of rushes of different weeks that begin at about one time the first and the most slots."""
    merged: list[tuple[int, int]] = []
    for step, slots in lines:
        if merged and step <= merged[-1][0] + _SAME:
            merged[-1] = (merged[-1][0], max(slots, merged[-1][1]))
        else:
            merged.append((step, slots))
    yield from merged


def _line(step: int, slots: int) -> str:
    begins = timedelta(minutes=step * _STEP)
    day, time = divmod(begins, timedelta(days=1))
    before = time - _EARLY if time >= _EARLY else time
    end = before + _EARLY
    return f"{DAYS[day]} {_clock(before)}-{_clock(end)}: {slots}"


def _clock(since_midnight: timedelta) -> str:
    minutes = int(since_midnight.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
