"""How long sessions took to start over a day or a week: what a plot shows of each short time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pool.sessions.timings import Phase, Timings, percentile


@dataclass(frozen=True)
class LaunchTimes:
    """Of the sessions that were asked for in one short time: seconds from the request until the gateway led to them."""

    at: datetime  # its beginning
    fastest: float
    median: float
    slowest: float


def launch_times(sessions: Iterable[Timings], begin: datetime, until: datetime, parts: int) -> list[LaunchTimes]:
    """Measure the sessions that were asked for, and open, between two moments, in so many short times.

    A time in which none was asked for is left out.
    """
    width, found = (until - begin) / parts, dict[int, list[float]]()
    for moments in (one.moments for one in sessions):
        asked, opened = moments.get(Phase.ACCEPTED), moments.get(Phase.ROUTED)
        if asked and opened and begin <= asked < until and opened <= until:
            took = max(0.0, (opened - asked).total_seconds())  # the clocks of two machines differ
            found.setdefault(int((asked - begin) / width), []).append(took)
    return [_of(begin + number * width, sorted(found[number])) for number in sorted(found)]


def launch_words(shown: Iterable[LaunchTimes]) -> str:
    """Say in a sentence what a plot of these shows."""
    slowest = max(shown, key=lambda one: one.slowest, default=None)
    return f"The slowest start took {slowest.slowest:.1f} s." if slowest else "No session was started."


def _of(at: datetime, seconds: list[float]) -> LaunchTimes:
    return LaunchTimes(at, seconds[0], percentile(seconds, 50), seconds[-1])
