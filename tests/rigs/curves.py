"""Figures over time as one SVG picture: a panel for each figure, below each other, over the same axis of minutes."""

from collections.abc import Mapping, Sequence

from tests.rigs.svg import WIDTH, drawing, line, words

PANEL, LEFT, TOP = 110, 70, 24
Curve = Sequence[tuple[float, float]]


def picture(title: str, curves: Mapping[str, Curve], marks: Sequence[float] = (), of_marks: str = "") -> str:
    """Draw the curves.

    Args:
        title: what they are of.
        curves: by name with its unit, pairs of a minute and a value.
        marks: minutes at which a line is drawn through all panels.
        of_marks: what happened then.
    """
    last = max((minute for curve in curves.values() for minute, _ in curve), default=1.0) or 1.0
    height = TOP + PANEL * len(curves) + 30
    foot = height - 30

    def across(minute: float) -> float:
        return LEFT + (WIDTH - LEFT - 10) * minute / last

    parts = [words(LEFT, 14, title), *(line(across(m), TOP, across(m), foot, "#e0b0b0") for m in marks if m <= last)]
    for number, (name, curve) in enumerate(curves.items()):
        parts += _panel(name, [(across(minute), value) for minute, value in curve], TOP + PANEL * number)
    parts += [words(LEFT, height - 14, "0"), words(WIDTH - 60, height - 14, f"{last:.0f} min")]
    parts += [words(WIDTH // 3, height - 14, f"red: {of_marks}")] if of_marks else []
    return drawing(height, parts)


def _panel(name: str, curve: Curve, top: float) -> list[str]:
    """One curve between nothing and its largest value."""
    most = max((value for _, value in curve), default=0) or 1
    foot = top + PANEL - 10
    points = " ".join(f"{x:.1f},{foot - (PANEL - 40) * value / most:.1f}" for x, value in curve)
    return [
        words(LEFT, top + 14, name),
        words(8, top + 34, f"{most:.0f}"),
        words(8, foot, "0"),
        line(LEFT, foot, WIDTH - 10, foot, "#999"),
        f'<polyline points="{points}" fill="none" stroke="#2a6fb0" stroke-width="1.5"/>',
    ]
