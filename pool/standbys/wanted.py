"""How many standbys a blueprint wants at a moment: a number, by a timetable, or as many as the last weeks ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pool.errors import BadRequest
from pool.records import BlueprintSpec
from pool.timetable import Entry, read_timetable, target_at

MOST = 1000  # standbys of one blueprint
SETTING, COUNTED = "standby_timetable", "standbys"  # what a line's error names, and what its number is of
WEEKS = 4  # that are looked back on
#: What sessions of an earlier week count, around its same time of day: a class may begin late, and standbys take a
#: while to be there.
BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=45)
#: In which those that were taken are replaced, four at once: of the sessions that came in such a span each wants its
#: own standby.
REFILL = timedelta(minutes=5)

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Wanted:
    """So many, and by what."""

    standbys: int
    because: str = ""  # the timetable's line, or the demand; empty: the usual number

    def __str__(self) -> str:
        """As in "10 (Mon-Fri 08:00-18:00: 10)"."""
        return f"{self.standbys} ({self.because})" if self.because else f"{self.standbys}"


def read_standby_timetable(lines: Iterable[str], zone: str) -> tuple[Entry, ...]:
    """Understand what the operator wrote into a blueprint: lines like those of the pool's own timetable.

    Raises:
        BadRequest: names the line and says how it is written, or that its number is too large.
    """
    entries = read_timetable(lines, zone, SETTING, COUNTED)
    for entry in entries:
        if entry.slots > MOST:
            raise BadRequest(f"{SETTING}: {entry.text!r} wants more than {MOST} standbys")
    return entries


def may_want_some(blueprint: BlueprintSpec) -> bool:
    """Whether there is a moment at which the blueprint wants standbys."""
    return bool(blueprint.standby or blueprint.standby_timetable or blueprint.standby_by_demand)


def wanted_at(blueprint: BlueprintSpec, timetable: Sequence[Entry], demand: int, now: datetime) -> Wanted:
    """Return how many are to stand by: what the timetable says, or more where the demand is above it.

    Args:
        blueprint: with the usual number, and how many it may be by demand.
        timetable: the blueprint's, as it is read in the pool's time zone; the last line that holds wins.
        demand: what the last weeks ask for at this time.
        now: the moment.
    """
    target = target_at(timetable, blueprint.standby, now)
    by_demand = min(demand, blueprint.standby_by_demand)
    if by_demand > target.slots:
        return Wanted(by_demand, f"by demand: {demand} came within {REFILL.seconds // 60} min in earlier weeks")
    return Wanted(target.slots, target.because)


def spans_of_earlier_weeks(now: datetime, zone: ZoneInfo) -> list[Span]:
    """Return this time of the week in each of the last weeks, by the zone's clocks, the latest week first."""
    wall = now.astimezone(zone)
    moments = [(wall - timedelta(weeks=week)).astimezone(UTC) for week in range(1, WEEKS + 1)]
    return [(moment - BEFORE, moment + AFTER) for moment in moments]


def demand_of(weeks: Iterable[Sequence[datetime]]) -> int:
    """Return what was asked for in at least two of the weeks: no single exam counts, and no holiday is missed.

    Args:
        weeks: of each, when its sessions were requested, in order.
    """
    peaks = sorted((_most_at_once(requests) for requests in weeks), reverse=True)
    return peaks[1] if len(peaks) > 1 else 0


def _most_at_once(requests: Sequence[datetime]) -> int:
    """The most that came within one span of `REFILL`."""
    most = first = 0
    for last, moment in enumerate(requests):
        while moment - requests[first] >= REFILL:
            first += 1
        most = max(most, last - first + 1)
    return most
