"""A pool's past, and the same past under other settings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from pool.courses.course import Course
from pool.errors import BadRequest
from pool.moments import minute
from pool.reports.tables import span
from pool.sessions.visits import Visit, with_stays
from pool.settings import PoolSettings
from pool.what_if.classes import Supposed, visits_of
from pool.what_if.figures import Figures, figures
from pool.what_if.replay import Replay

HOUR = timedelta(hours=1)
NOTHING = Supposed()


@dataclass(frozen=True)
class Past:
    """What a pool had to serve, and how long its hosts took."""

    pool: str
    visits: Sequence[Visit]  # in the order of their requests
    boots: Sequence[float]  # seconds
    begin: datetime
    until: datetime
    zone: ZoneInfo = field(default=ZoneInfo("UTC"))
    courses: Sequence[Course] = ()  # of the pool, as it has them today
    courses_then: Sequence[Course] | None = None  # beside the settings that are tried; None: the same
    removals: Sequence[float] = ()  # seconds until a server was known to be gone; none: what is usual

    def replay(self, settings: PoolSettings) -> Replay:
        """Live it under these settings, with slots reserved for today's courses."""
        lived = Replay(settings, self.visits, self.boots, self.begin, self.until, True, self.courses, self.removals)
        return lived.run()

    def has_course(self, name: str) -> bool:
        """Whether slots are reserved for a course of this name."""
        return any(course.name == name for course in self.courses)

    @property
    def then(self) -> Self:
        """The same past, with the courses that are tried."""
        return self if self.courses_then is None else replace(self, courses=self.courses_then)


def livable(recorded: Past, supposed: Supposed = NOTHING) -> Past:
    """Make a past that can be lived of what is on record, and of classes and courses that never were.

    It begins an hour before the first visit, so that hosts are there; a visit that never had room gets the usual stay.

    Raises:
        BadRequest: there is no visit, or a class or course cannot be read.
    """
    extra = supposed.extra
    more = [visit for one in extra for visit in visits_of(one, recorded.begin, recorded.until, recorded.zone)]
    visits = with_stays([*recorded.visits, *more])
    if not visits:
        raise BadRequest(
            f"pool {recorded.pool} has no visit on record since {minute(recorded.begin)}: there is nothing"
            " to replay; let it begin earlier (--since), or add a class (--class 60@Mon09:00)"
        )
    begin = visits[0].at.replace(minute=0, second=0, microsecond=0) - HOUR
    tried = [one.reserving(recorded.pool, recorded.zone) for one in extra if one.course]
    then = [*(() if supposed.without_courses else recorded.courses), *tried]
    return replace(recorded, visits=visits, begin=begin, courses_then=then)


@dataclass(frozen=True)
class Comparison:
    """The past under the settings of today, and under those that were given."""

    today: Replay
    then: Replay

    @property
    def figures(self) -> tuple[Figures, Figures]:
        """Of both."""
        return figures(self.today), figures(self.then)


def compare(past: Past, today: PoolSettings, then: PoolSettings) -> Comparison:
    """Live the past twice, the second time with the courses that are tried, too."""
    return Comparison(past.replay(today), past.then.replay(then))


_ROWS = {
    "sessions": "sessions",
    "refused": "refused, or given up for want of room",
    "wait_p50_s": "wait, half of them at most",
    "wait_p95_s": "wait, 95 of 100 at most",
    "wait_longest_s": "longest wait",
    "slots_in_vain": "free slots, on the average",
    "host_hours_small": "host-hours, small",
    "host_hours_large": "host-hours, large",
    "small_host_hours": "host-hours in all, as small hosts",
    "hosts_at_the_peak": "hosts at the peak, of DD_MAX_HOSTS",
}


def comparison_rows(today: Figures, then: Figures) -> list[dict[str, str]]:
    """One row for each figure: what, today, then."""
    first, second = asdict(today), asdict(then)
    return [
        {"what": words, "today": _written(name, first), "then": _written(name, second)} for name, words in _ROWS.items()
    ]


def _written(name: str, figures: Mapping[str, Any]) -> str:
    value = figures[name]
    if name == "hosts_at_the_peak":
        most = figures["max_hosts"]
        return f"{value:,} of {most:,}" + (": reached" if value >= most else "")
    if name.startswith("wait"):
        return span(value)
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
