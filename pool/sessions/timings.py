"""When a session came through each phase of its start, and how long many sessions took for them."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from math import ceil


class Phase(StrEnum):
    """What a session has come through, in the order in which it does."""

    ACCEPTED = "accepted"  # its request is to be carried out from now on: Prefect's API answered 201
    PICKED_UP = "picked_up"  # a worker runs its flow
    ROOM = "room"  # it holds room on a host
    TURN = "turn"  # its host begins to make its container: no more are started there at once than the pool allows
    CREATED = "created"  # its container exists
    STARTED = "started"  # its container runs
    ANSWERING = "answering"  # its notebook answers HTTP
    ROUTED = "routed"  # the gateway leads there
    TOLD = "told"  # its platform can read so: the artifact has it


#: What a session has come through, and when.
Moments = dict[Phase, datetime]
#: What one step of a session is called in reports: from the first phase to the last but telling.
WHOLE = "whole"
#: What all sessions together are called whose containers stood by.
FROM_STANDBY = "from standby"
PERCENTS = (50, 95, 99)
#: Upper bounds of a histogram's buckets, seconds; the last bucket has none.
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True)
class Timings:
    """One session's moments: of its last start, where the first one failed."""

    instance: str
    blueprint: str
    host: str  # that it runs on, or ran on last; empty: it never had room
    moments: Moments = field(default_factory=dict)  # only phases that it came through
    standby: bool = False  # whether its container stood by
    pool: str = ""


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Return the least number that so many of a hundred are not above; there is at least one, the least comes first."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True)
class Spread:
    """How long one step took for many sessions."""

    group: str  # "all", "host main-01", "blueprint jupyter-minimal"
    step: str  # the phase that it ends with, or `WHOLE`
    seconds: tuple[float, ...]  # one for each session, shortest first

    def percentile(self, percent: int) -> float:
        """Return the shortest time within which so many of a hundred sessions were."""
        return percentile(self.seconds, percent)

    def histogram(self) -> list[int]:
        """Count the sessions between two bounds of `BOUNDS`: those above the one before, up to and with this one."""
        counts = [0] * (len(BOUNDS) + 1)
        for second in self.seconds:
            counts[bucket_of(second)] += 1
        return counts


def bucket_of(seconds: float) -> int:
    """Return the number, from 0, of a time's bucket: the first whose bound it is not above."""
    return bisect_left(BOUNDS, seconds)


#: Of the time that a session is expected to take to answer: from when to when it is looked at often.
SOON, LATE = 0.8, 1.25
LONGEST_EXPECTED = 2.0  # seconds: who waits for longer notices nothing of it
#: Seconds between two looks before that; the part of the shortest pause, and of the expected time, that one is then.
SELDOM_SECONDS, OFTEN, LOOKS_IN_ALL = 0.1, 3, 80


def next_look(waited: float, shortest: float, expected: float = 0.0) -> float:
    """Seconds until the next look at a session that starts, so that none is noticed much later than it answers.

    A sixteenth of what it took so far, and half a second at most; within the first two seconds less, for one that
    starts alone answers within them, and its user waits for nothing else. A notebook that needs a second is asked about
    every 30 ms by then, and one that needs a minute costs no more than two looks a second.

    Where it is known that others took less than two seconds, there are few looks before their time, which would keep
    it from its processors, and many about then: no more in all than without that knowledge.

    Args:
        waited: seconds since the first look.
        shortest: seconds between the first looks.
        expected: seconds that the fastest of the last sessions like it took; 0: none is known.
    """
    pause = max(shortest, min(waited / 16 * min(waited / 2, 1.0), 0.5))
    soon, late = SOON * expected, LATE * expected
    if expected > LONGEST_EXPECTED or waited >= late:
        return pause
    if waited < soon:
        return max(min(max(pause, SELDOM_SECONDS), soon - waited), shortest / OFTEN)
    return max(min(pause, expected / LOOKS_IN_ALL), shortest / OFTEN)


def next_alive_look(last: float) -> float:
    """Seconds after the first question at which to look whether the container of a session that starts still runs.

    A second after it, and ever more seldom: the look is a question to the engine, which in a burst has the containers
    of others to start. That one has ended is known when it is half as old again, and a second, at the latest.

    Args:
        last: seconds after the first question at which it was looked last; 0: not yet.
    """
    return 1.0 + 1.5 * last


def seconds_since_accepted(moments: Moments) -> dict[str, float]:
    """Return by phase after how many seconds it was reached; empty while it is not known when all began."""
    begun = moments.get(Phase.ACCEPTED)
    reached = [phase for phase in Phase if phase in moments and phase is not Phase.ACCEPTED]
    return {str(phase): _between(begun, moments[phase]) for phase in reached} if begun else {}


def spreads(sessions: Iterable[Timings]) -> list[Spread]:
    """Measure each step of many sessions: of all together, then by host, then by blueprint."""
    found: dict[tuple[str, str], list[float]] = {}
    for timings in sessions:
        steps = list(steps_of(timings.moments))
        for group in _groups(timings):
            for step, seconds in steps:
                found.setdefault((group, step), []).append(seconds)
    order = [*map(str, Phase), WHOLE]
    keys = sorted(found, key=lambda key: (key[0] != "all", not key[0].startswith("host "), key[0], order.index(key[1])))
    return [Spread(group, step, tuple(sorted(found[group, step]))) for group, step in keys]


def _groups(timings: Timings) -> Sequence[str]:
    host = [f"host {timings.host}"] if timings.host else []
    return ["all", *host, f"blueprint {timings.blueprint}", *([FROM_STANDBY] if timings.standby else [])]


def steps_of(moments: Mapping[Phase, datetime]) -> Iterator[tuple[str, float]]:
    """Yield what each step took, from each phase that was noted to the next one, and the whole.

    A session that was taken up again after a crash may lack some.
    """
    for before, after in pairwise(phase for phase in Phase if phase in moments):
        yield str(after), _between(moments[before], moments[after])
    if Phase.ACCEPTED in moments and Phase.ROUTED in moments:
        yield WHOLE, _between(moments[Phase.ACCEPTED], moments[Phase.ROUTED])


def _between(before: datetime, after: datetime) -> float:
    """Seconds; none where clocks of two machines differ by more than that."""
    return round(max(0.0, (after - before).total_seconds()), 3)
