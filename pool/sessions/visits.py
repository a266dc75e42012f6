"""Visits: what is kept of each session without its names, so that a demand can be lived again under other settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

USUAL_STAY = 3600.0  # seconds; taken where no visit on record ever had room


@dataclass(frozen=True)
class Visit:
    """One session as a demand: no user, no blueprint, no id."""

    at: datetime  # when it was requested
    slots: int
    waited: float | None = None  # seconds until it got the room that it kept; None: it never got any
    stayed: float | None = None  # seconds that it held this room; None: likewise
    allowed: float = 0.0  # seconds that it might have held it; 0: not known


def with_stays(visits: Iterable[Visit]) -> list[Visit]:
    """Return the visits in the order of their requests; those that never got room get the stay that is usual.

    It is the median of the visits of as many slots, or else of all.
    """
    in_order = sorted(visits, key=lambda visit: (visit.at, visit.slots))
    return [visit if visit.stayed is not None else replace(visit, stayed=_usual(visit, in_order)) for visit in in_order]


def _usual(visit: Visit, visits: Sequence[Visit]) -> float:
    alike = [one.stayed for one in visits if one.stayed is not None and one.slots == visit.slots]
    stays = alike or [one.stayed for one in visits if one.stayed is not None]
    return median(stays) if stays else USUAL_STAY
