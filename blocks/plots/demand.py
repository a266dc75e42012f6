"""Demand, room, queue and launch times of a pool over the days, as SVG: demand.svg.j2, a panel for each replay."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blocks.plots.launches import launch_panel
from pool.reports.launches import LaunchTimes
from pool.what_if.figures import Bucket

WIDTH, HEIGHT = 900, 170  # of one panel, in pixels
MARGIN = 20  # right of it
LETTER = 7  # the width of one, at the most
LAUNCHES = 110  # the height of the one of launch times
MOST_DAYS = 10  # whose names fit below it
FEW_DAYS = 2  # between whose names hours fit
MOST_LETTERS = 105  # of a caption
_LINES = 4  # of the scale, about
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True)
class Panel:
    """One replay, with its caption."""

    caption: str
    buckets: Sequence[Bucket]


def demand_plot(
    title: str, panels: Sequence[Panel], zone: ZoneInfo, launches: Sequence[LaunchTimes] | None = None
) -> str:
    """Draw the panels one below the other, all on one scale; the text of an SVG file.

    Args:
        title: above all.
        panels: of the same span of time.
        zone: of the pool.
        launches: of that span: in a last panel, with a scale of its own; None: there is no such panel.
    """
    every = [bucket for panel in panels for bucket in panel.buckets]
    most = max([1, *(max(bucket.room, bucket.demand) for bucket in every)])
    step = _step(most)
    highest = step * -(-most // step)
    drawn = [_drawn(panel, highest) for panel in panels]
    return _TEMPLATES.get_template("demand.svg.j2").render(
        title=title,
        width=WIDTH,
        height=HEIGHT,
        panels=drawn,
        scale=[(slots, HEIGHT - HEIGHT * slots / highest) for slots in range(0, highest + 1, step)],
        times=list(_times(panels[0].buckets, zone)),
        launches=None if launches is None else launch_panel(launches, *_span(panels[0].buckets), (WIDTH, LAUNCHES)),
        launches_height=LAUNCHES,
    )


def _drawn(panel: Panel, highest: int) -> dict[str, str]:
    return {
        "caption": textwrap.shorten(panel.caption, MOST_LETTERS, placeholder=" …"),
        "demand": _steps(panel.buckets, lambda bucket: bucket.demand, highest),
        "room": _steps(panel.buckets, lambda bucket: bucket.room, highest),
        "queue": _steps(panel.buckets, lambda bucket: bucket.queue, highest),
    }


def _span(buckets: Sequence[Bucket]) -> tuple[datetime, datetime]:
    """Return when the first of the short times begins, and the last one ends."""
    begin, last = buckets[0].at, buckets[-1].at
    return begin, last + (last - begin) / max(1, len(buckets) - 1)


def _steps(buckets: Sequence[Bucket], value: Callable[[Bucket], int], highest: int) -> str:
    """Return the points of a line that goes up and down in steps; where it goes on level, it has none."""
    wide, points, last = WIDTH / max(1, len(buckets)), list[str](), -1.0
    for number, bucket in enumerate(buckets):
        height = HEIGHT - HEIGHT * value(bucket) / highest
        if height != last:
            points += [f"{number * wide:.1f},{last:.1f}"] if last >= 0 else []
            points.append(f"{number * wide:.1f},{height:.1f}")
            last = height
    return " ".join([*points, f"{WIDTH},{last:.1f}"])


def _times(buckets: Sequence[Bucket], zone: ZoneInfo) -> Iterator[tuple[float, str]]:
    """Yield where a day begins, with its name; where there are no more than two days, every third hour as well.

    What has no room for its name to the right has none.
    """
    if not buckets:
        return
    begin, end = buckets[0].at, buckets[-1].at
    first = begin.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (end - begin).days + 1
    every, hours = max(1, -(-(days - 1) // MOST_DAYS)), range(0, 24, 3 if days <= FEW_DAYS else 24)
    for number in range(0, days + 2, every):
        for at in [(first + timedelta(days=number)).replace(hour=hour) for hour in hours]:
            if begin <= at < end:
                x, name = WIDTH * ((at - begin) / (end - begin)), _name(at) if not at.hour else f"{at:%H:%M}"
                yield x, name if x + LETTER * len(name) <= WIDTH + MARGIN else ""  # it would be cut off


def _name(day: datetime) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _step(most: int) -> int:
    """Return the distance of the scale's lines: 1, 2 or 5, or so many tens, hundreds …"""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power * _LINES >= most:
                return digit * power
        power *= 10
