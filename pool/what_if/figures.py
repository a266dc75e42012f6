"""What came of a replay, as figures that two settings are compared by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pool.printable import how_many
from pool.records import FlavorSize
from pool.sessions.timings import percentile
from pool.settings import PoolSettings
from pool.what_if.replay import Moment, Replay

HOUR = 3600
BUCKETS = 700  # of a plot: as many as it has points across


@dataclass(frozen=True)
class Figures:
    """Of one replay. A session that was refused counts as one that waited the whole limit."""

    sessions: int
    refused: int
    wait_p50_s: float
    wait_p95_s: float
    wait_longest_s: float
    slots_in_vain: float  # free slots of active hosts, on the average of the time
    host_hours_small: float
    host_hours_large: float
    small_host_hours: float  # all of them, a large one as so many small ones as its slots are
    hosts_at_the_peak: int
    max_hosts: int  # DD_MAX_HOSTS: there may be no more, however many sessions wait


@dataclass(frozen=True)
class Bucket:
    """A short time of a plot: the most that there was in it."""

    at: datetime
    demand: int  # slots that sessions held or waited for
    room: int  # slots of active hosts
    queue: int  # slots that were waited for


def figures(replay: Replay) -> Figures:
    """Count what the replay took."""
    waits = sorted([*replay.waits, *[float(replay.settings.queue_timeout)] * replay.refused])
    spans = [*_spans(replay.moments)]
    hours = {size: sum(moment.hosts[size] * seconds for moment, seconds in spans) / HOUR for size in FlavorSize}
    free = sum((moment.room - moment.held) * seconds for moment, seconds in spans)
    seconds = (replay.until - replay.begin).total_seconds()
    return Figures(
        sessions=len(replay.visits),
        refused=replay.refused,
        wait_p50_s=_wait(waits, 50),
        wait_p95_s=_wait(waits, 95),
        wait_longest_s=_wait(waits, 100),
        slots_in_vain=round(free / seconds, 1),
        host_hours_small=round(hours[FlavorSize.SMALL], 1),
        host_hours_large=round(hours[FlavorSize.LARGE], 1),
        small_host_hours=round(_as_small(hours, replay.settings), 1),
        hosts_at_the_peak=max((sum(moment.hosts.values()) for moment in replay.moments), default=0),
        max_hosts=replay.settings.max_hosts,
    )


def _wait(waits: Sequence[float], percent: int) -> float:
    return round(percentile(waits, percent), 1) if waits else 0.0


def buckets(replay: Replay, most: int = BUCKETS) -> list[Bucket]:
    """The replay in so many short times."""
    return in_short_times(replay.moments, replay.begin, replay.until, most)


def in_short_times(moments: Sequence[Moment], begin: datetime, until: datetime, most: int = BUCKETS) -> list[Bucket]:
    """How a pool stood from *begin* until *until*, in so many short times; the moments are in order, none earlier."""
    width = (until - begin) / most
    rows: list[list[int]] = [[0, 0, 0] for _ in range(most)]
    for moment, end in _with_ends(moments, until):
        first, last = ((at - begin) / width for at in (moment.at, end))
        now = (moment.held + moment.waiting, moment.room, moment.waiting)
        for number in range(int(first), min(most, max(int(first), -int(-last // 1) - 1) + 1)):
            rows[number] = [max(before, after) for before, after in zip(rows[number], now, strict=True)]
    return [Bucket(begin + number * width, *row) for number, row in enumerate(rows)]


def peak_words(shown: Sequence[Bucket], zone: ZoneInfo) -> str:
    """Say in a sentence what a plot shows: the most that was wanted, and the most that waited, with the times.

    Each is known to be of one of the short times alone, so that is named from its beginning to its end.
    """
    most, longest = max(shown, key=lambda one: one.demand), max(shown, key=lambda one: one.queue)
    if not most.demand:
        return "No slot was wanted."
    then, waiting = _when(most, shown, zone), _when(longest, shown, zone)
    slots = how_many(most.demand, "slot was", "slots were")
    wanted = f"At most {slots} wanted at once, {then}, of {most.room} that there were"
    return wanted + (
        f"; at most {longest.queue} {'was' if longest.queue == 1 else 'were'} waited for, {waiting}."
        if longest.queue
        else "."
    )


def _when(bucket: Bucket, shown: Sequence[Bucket], zone: ZoneInfo) -> str:
    """Name a short time in whole minutes that hold it: "between 14:00 and 14:05"."""
    width = (shown[-1].at - shown[0].at) / max(1, len(shown) - 1)
    end = bucket.at + width + timedelta(seconds=59.999999)
    return f"between {bucket.at.astimezone(zone):%H:%M} and {end.astimezone(zone):%H:%M}"


def _as_small(hours: dict[FlavorSize, float], settings: PoolSettings) -> float:
    return sum(hours[size] * settings.slots_of(size) for size in FlavorSize) / settings.slots_small


def _spans(moments: Sequence[Moment]) -> Iterator[tuple[Moment, float]]:
    for this, following in pairwise(moments):
        yield this, (following.at - this.at).total_seconds()


def _with_ends(moments: Sequence[Moment], end: datetime) -> Iterator[tuple[Moment, datetime]]:
    ends = [*(moment.at for moment in moments[1:]), end]
    return zip(moments, ends, strict=True)
