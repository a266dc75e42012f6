"""How seconds are spread, as one SVG picture: a panel for each occasion, in it a row of dots for each kind."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.rigs.svg import WIDTH, dot, drawing, line, words

LEFT, TOP, ROW, FOOT = 110, 24, 20, 30
DOT, MIDDLE, AXIS = "#2a6fb0", "#c03030", "#999"
Rows = Mapping[str, Sequence[float]]


def picture(title: str, panels: Mapping[str, Rows]) -> str:
    """Draw the samples; a red line is at the median of a row.

    Args:
        title: what they are of.
        panels: by occasion, then by kind, the seconds; each panel has an axis of its own, from 0 to its largest value.
    """
    parts, top = [words(LEFT, 14, title)], TOP
    for name, rows in panels.items():
        parts += _panel(name, rows, top)
        top += ROW * (len(rows) + 1) + FOOT
    return drawing(top, parts)


def _panel(name: str, rows: Rows, top: float) -> list[str]:
    most = max((second for seconds in rows.values() for second in seconds), default=1.0) or 1.0
    foot = top + ROW * (len(rows) + 1)
    parts = [words(8, top + 14, name), line(LEFT, foot, WIDTH - 10, foot, AXIS)]
    parts += [words(LEFT, foot + 14, "0 s"), words(WIDTH - 60, foot + 14, f"{most:.1f} s")]
    for number, (kind, seconds) in enumerate(rows.items(), start=1):
        parts += _row(kind, [LEFT + (WIDTH - LEFT - 10) * second / most for second in seconds], top + ROW * number)
    return parts


def _row(kind: str, places: Sequence[float], top: float) -> list[str]:
    parts = [words(8, top + 14, kind), *(dot(place, top + 10, DOT) for place in places)]
    middle = median(places) if places else None
    return parts if middle is None else [*parts, line(middle, top + 2, middle, top + 18, MIDDLE)]
