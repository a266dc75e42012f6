"""Write the artifacts that show each pool in Prefect's UI: sessions, timings, images, the last day and week."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from blocks.outside import log, now, outside
from blocks.plots.demand import Panel, demand_plot
from blocks.stored.documents.turned_settings import zone_of
from pool.errors import DockerDriverError
from pool.reports.launches import LaunchTimes, launch_times, launch_words
from pool.reports.tables import present_sessions, timing_rows
from pool.sessions.timings import spreads
from pool.states import LIVING_INSTANCES
from pool.what_if.figures import Bucket, in_short_times, peak_words
from pool.what_if.on_record import moments
from tasks.base import look_up
from tasks.images.tables import leave_image_table

MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(days=7)
PARTS = 288  # of a day: five minutes each; and of a week, 35 minutes
MOST_ROWS = 200
#: How often the picture of a span of time is another one: its end is a whole number of these.
STEPS = {DAY: timedelta(minutes=15), WEEK: timedelta(hours=2)}
NAMES = {DAY: "last-day", WEEK: "last-week"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LastTime:
    """How a pool stood for a day or a week, and how long its sessions took to start."""

    begin: datetime
    end: datetime
    zone: ZoneInfo
    parts: list[Bucket]
    launches: list[LaunchTimes]

    @property
    def words(self) -> str:
        """Say in a sentence or two what the picture shows."""
        return f"{peak_words(self.parts, self.zone)} {launch_words(self.launches)}"

    def picture(self, pool: str) -> str:
        """Draw it, as SVG."""
        begin, end = (at.astimezone(self.zone) for at in (self.begin, self.end))
        caption = f"{begin:%a %H:%M} to {end:%a %H:%M}, {self.zone.key}"
        return demand_plot(f"Pool {pool}", [Panel(caption, self.parts)], self.zone, self.launches)


@look_up()
def show_pools() -> str:
    """Write the tables and pictures of each pool that changed; return what could not be read."""
    return "; ".join(said for pool in outside().pools() if (said := _show_safely(pool)))


def _show_safely(pool: str) -> str:
    try:
        _show_sessions(pool)
        _show_timings(pool)
        leave_image_table(pool)
        for span in STEPS:
            _show_picture(pool, span)
    except DockerDriverError as error:  # the other pools are shown
        log().error("pool %s is not shown: %s", pool, error)
        return f"pool {pool} is not shown: {error}"
    return ""


def _show_sessions(pool: str) -> None:
    """Write the living sessions, the oldest first: the artifact ``sessions-<pool>``."""
    store = outside().store.instances
    shown = store.all(pool, LIVING_INSTANCES, limit=MOST_ROWS)
    more = max(0, sum(store.counts(pool)[state] for state in LIVING_INSTANCES) - len(shown))
    rows = present_sessions(shown, more)
    outside().prefect.write_table(
        rows, key=f"sessions-{pool}", description=f"Sessions of pool {pool} that are not over"
    )


def _show_timings(pool: str) -> None:
    """Write how long the starts of the last day took, until a minute ago at most: the artifact ``timings-<pool>``."""
    end = _rounded_down(MINUTE)
    rows = outside().pictures.of(f"timings of {pool}", end, lambda: _timings(pool, end))
    description = f"Starts of sessions of pool {pool} in the last day; whole: from accepted to routed"
    outside().prefect.write_table(rows, key=f"timings-{pool}", description=description)


def _timings(pool: str, end: datetime) -> list[dict[str, str]]:
    """Measure what was on record at a moment, so that all workers that draw it come to the same."""
    started = outside().store.timings.since(end - DAY, pool)
    return timing_rows(spreads(one for one in started if max(one.moments.values()) <= end))


def _rounded_down(step: timedelta) -> datetime:
    """Return the last moment that is a whole number of steps."""
    return now() - (now() - _EPOCH) % step


def _show_picture(pool: str, span: timedelta) -> None:
    """Write the picture of a span of time: the artifact ``last-day-<pool>`` or ``last-week-<pool>``."""
    end = _rounded_down(STEPS[span])
    key = f"{NAMES[span]}-{pool}"
    words, picture = outside().pictures.of(key, end, lambda: _drawn(pool, span, end))
    outside().prefect.write_picture(picture, key=key, description=words)


def _drawn(pool: str, span: timedelta, end: datetime) -> tuple[str, str]:
    last = last_time(pool, span, end)
    return last.words, last.picture(pool)


def last_time(pool: str, span: timedelta, end: datetime) -> LastTime:
    """Read how a pool stood for so long before a moment, from its records."""
    begin, store = end - span, outside().store
    parts = in_short_times(moments(store.demand.recorded(pool, begin, end), begin), begin, end, PARTS)
    launches = launch_times(store.timings.since(begin, pool), begin, end, PARTS // 3)
    return LastTime(begin, end, zone_of(outside().kept_config(pool)), parts, launches)
