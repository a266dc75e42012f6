"""Visits: what is kept of each session without its names, so that a demand can be lived again under other settings."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from statistics import median

USUAL_STAY = 3600.0  # seconds; taken where no visit on record ever had room


@dataclass(frozen=True)
class Visit:
    """One session as a demand: no user, no blueprint, no id. Whose reserved slots it may take is part of a demand."""

    at: datetime  # when it was requested
    slots: int
    waited: float | None = None  # seconds until it got the room that it kept; None: it never got any
    stayed: float | None = None  # seconds that it held this room; None: likewise
    allowed: float = 0.0  # seconds that it might have held it; 0: not known
    course: str = ""  # that it was of; empty: of none


def with_stays(visits: Iterable[Visit]) -> list[Visit]:
    """Return the visits in the order of their requests; those that never got room get the stay that is usual.

    It is the median of the visits of as many slots, or else of all.
    """
    in_order = sorted(visits, key=lambda visit: (visit.at, visit.slots))
    by_slots: dict[int, list[float]] = {}
    for visit in in_order:
        if visit.stayed is not None:
            by_slots.setdefault(visit.slots, []).append(visit.stayed)
    usual = {slots: median(stays) for slots, stays in by_slots.items()}
    of_all = median(chain.from_iterable(by_slots.values())) if by_slots else USUAL_STAY
    return [
        visit if visit.stayed is not None else replace(visit, stayed=usual.get(visit.slots, of_all))
        for visit in in_order
    ]
