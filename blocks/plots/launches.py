"""The panel of launch times below a plot of demand: a line from the fastest to the slowest of each short time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log10

from pool.reports.launches import LaunchTimes

#: Seconds that have a line across: each is so far above the one before as the scale, which is of powers, has it.
LINES = ((0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"))
LEAST, USUAL = 0.1, 10.0  # seconds, at the bottom, and at the top where nothing took longer


@dataclass(frozen=True)
class Mark:
    """One short time, in pixels of the panel."""

    x: float
    median: float
    slowest: float
    fastest: float


@dataclass(frozen=True)
class LaunchPanel:
    """What the template draws."""

    marks: Sequence[Mark]
    scale: Sequence[tuple[str, float]]


def launch_panel(
    shown: Sequence[LaunchTimes], begin: datetime, until: datetime, size: tuple[float, float]
) -> LaunchPanel:
    """Place the launch times of a span of time in a panel.

    Args:
        shown: of each short time.
        begin: of the span.
        until: its end.
        size: of the panel, in pixels: width and height.
    """
    width, height = size
    longest = max((one.slowest for one in shown), default=0.0)
    top = next((seconds for seconds, _ in LINES if seconds >= max(USUAL, longest)), LINES[-1][0])

    def high(seconds: float) -> float:
        part = log10(min(top, max(LEAST, seconds)) / LEAST) / log10(top / LEAST)
        return height * (1 - part)

    marks = [
        Mark(width * ((one.at - begin) / (until - begin)), high(one.median), high(one.slowest), high(one.fastest))
        for one in shown
    ]
    return LaunchPanel(marks, [(name, high(seconds)) for seconds, name in LINES if seconds <= top])
