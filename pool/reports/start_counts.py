"""What sessions took for the phases of their start, as Prometheus counts: each start once, and none is taken back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from pool.sessions.timings import BOUNDS, WHOLE, Phase, Timings, bucket_of, steps_of

#: A start may be seen so much later than its moment says: its transaction waited, or its machine's clock is behind.
LATE = timedelta(minutes=5)
#: A session waits for room, and starts, for no longer than this; one that did is in no histogram.
LONGEST_START = timedelta(days=1)


class Kind(NamedTuple):
    """Sessions that are counted together; the names are the labels."""

    pool: str
    blueprint: str
    start: str  # "cold" or "standby"


@dataclass
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bucket_of(seconds)] += 1
        self.sum += seconds


class StartCounts:
    """The starts of which platforms were told since a moment.

    Args:
        begun: that moment. What was told before counts nowhere: it was another process's to count.
    """

    def __init__(self, begun: datetime) -> None:
        self._begun, self._looked = begun, begun
        self._counted: set[tuple[str, datetime]] = set()  # the last ones: those that are looked at again
        self._histograms: dict[tuple[Kind, str], _Histogram] = {}

    @property
    def looks_from(self) -> datetime:
        """From when on starts may have been told that are not counted yet."""
        return max(self._begun, self._looked - LATE)

    def expect(self, sessions: Iterable[Timings]) -> None:
        """Have a histogram that is empty for each kind of session seen before: from that, the first start is a rise."""
        for kind in {kind_of(one) for one in sessions}:
            for step in (*Phase, WHOLE):
                if step is not Phase.ACCEPTED:
                    self._of(kind, step)

    def count(self, sessions: Iterable[Timings], now: datetime) -> None:
        """Count those that were not counted yet; they are all that were told since `looks_from`."""
        for one in sessions:
            start = one.instance, one.moments[Phase.TOLD]
            if start not in self._counted:
                self._counted.add(start)
                for step, seconds in steps_of(one.moments):
                    self._of(kind_of(one), step).add(seconds)
        self._looked = now
        self._counted = {start for start in self._counted if start[1] >= self.looks_from}

    def histograms(self) -> Iterator[tuple[Kind, str, list[tuple[str, float]], float]]:
        """Yield of each kind and phase how many took at most as long as each bound, ``+Inf`` last, and the sum."""
        bounds = [*map(str, BOUNDS), "+Inf"]
        for (kind, step), one in self._histograms.items():
            yield kind, step, list(zip(bounds, map(float, accumulate(one.counts)), strict=True)), one.sum

    def _of(self, kind: Kind, step: str) -> _Histogram:
        return self._histograms.setdefault((kind, str(step)), _Histogram())


def kind_of(session: Timings) -> Kind:
    """Return what a session is counted as."""
    return Kind(session.pool, session.blueprint, "standby" if session.standby else "cold")
