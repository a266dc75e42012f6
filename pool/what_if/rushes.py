"""The rushes in a demand: times of the week at which many come within minutes, and the timetable that awaits them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from pool.sessions.visits import Visit
from pool.timetable import DAYS, Entry, read_timetable

_WIDTH, _STEP = 30, 5  # minutes: a class comes within so many; they are counted in so many
_OF_DAY = 24 * 60 // _STEP
_OF_WEEK = 7 * _OF_DAY
_SAME = 3  # steps between the rushes of two weeks that are one rush of the week


def timetable_of_rushes(visits: Sequence[Visit], zone: ZoneInfo, least: int) -> tuple[Entry, ...]:
    """Return a line for each rush of the week: its slots are free just before it begins.

    The line ends when the rush begins. Free slots that are wanted while the class comes would be spawned beside those
    that it takes, and so twice.

    Args:
        visits: of one week or more; of several weeks the largest rush counts.
        zone: that the days and times are of.
        least: slots within half an hour that make a rush.
    """
    lines = sorted({(step % _OF_WEEK, slots) for step, slots in _rushes(_requested(visits, zone), least)})
    return read_timetable([_line(*line) for line in _largest(lines)], str(zone))


def _requested(visits: Sequence[Visit], zone: ZoneInfo) -> Counter[int]:
    """Return the slots requested in each step of five minutes, counted through from a Monday, 00:00, long ago."""
    steps: Counter[int] = Counter()
    for visit in visits:
        local = visit.at.astimezone(zone)
        steps[(local.toordinal() - 1) * _OF_DAY + (local.hour * 60 + local.minute) // _STEP] += visit.slots
    return steps


def _rushes(steps: Counter[int], least: int) -> Iterator[tuple[int, int]]:
    """Yield the first step of each rush and its slots."""
    taken = -1
    for step in sorted(steps):
        following = range(step, step + _WIDTH // _STEP)
        slots = sum(steps[one] for one in following)
        rises = steps[step] * 8 >= slots or steps[step] >= least  # else it begins later
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
    if len(merged) > 1 and merged[0][0] + _OF_WEEK <= merged[-1][0] + _SAME:  # some come late on Sunday
        _, slots = merged.pop(0)
        merged[-1] = (merged[-1][0], max(slots, merged[-1][1]))
    yield from merged


def _line(step: int, slots: int) -> str:
    """Write a line of the step before the one in which the first come: that may be on the day before."""
    day, before = divmod((step - 1) % _OF_WEEK, _OF_DAY)
    return f"{DAYS[day]} {_clock(before)}-{_clock(before + 1)}: {slots}"


def _clock(step: int) -> str:
    return f"{step * _STEP // 60:02}:{step * _STEP % 60:02}"
