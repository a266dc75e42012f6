"""The operators' page of a pool that never was: a day with two classes, a full queue, a session that failed."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from blocks.gateway.pool_page import LastDay, PoolView, pool_page
from blocks.plots.demand import Panel, demand_plot
from pool.changes import HistoryEntry
from pool.decisions import Decision, DecisionKind, RecordedDecision
from pool.records import Host, Instance, Placement
from pool.reports.launches import LaunchTimes, launch_words
from pool.reports.run_forms import RunForms
from pool.states import HostState, InstanceState
from pool.what_if.figures import in_short_times, peak_words
from pool.what_if.on_record import Recorded, Span, moments
from tests.rigs.pool_data import a_host, an_instance

FORMS = RunForms(
    "https://api.example", dict.fromkeys(("drain-host", "return-host", "deprovision-instance", "why"), "7")
)
DRAINED, FAILED = "main-03", "kim-1"
OVER = "its lifetime of 14400 s since first use is over"
NO_MODULE = "instance kim-1: its container on main-01 ended with exit code 3; it said: no such module"


def shown_pool(now: datetime) -> str:
    """Draw the page as of *now*."""
    view = PoolView(
        "main",
        _hosts(now),
        _sessions(now),
        [RecordedDecision(Decision(DecisionKind.DRAIN, DRAINED, OVER), 7, "main", now - timedelta(minutes=93))],
        day=_a_day(now),
        of_hosts={DRAINED: _life(now, ("active", "configured and tested"), ("draining", OVER))},
        of_sessions={FAILED: _life(now, ("queued", ""), ("starting on main-01", ""), ("failed on main-01", NO_MODULE))},
        failed=[_session(FAILED, now, 12, state=InstanceState.FAILED, last_host="main-01", reason=NO_MODULE)],
    )
    return pool_page([view], now, FORMS)


def _hosts(now: datetime) -> list[Host]:
    ago: dict[str, Any] = {"created_at": now - timedelta(minutes=98), "state_since": now - timedelta(minutes=93)}
    return [
        a_host("main-01", reserved=5, standby=1, **ago),
        a_host("main-02", slots=24, reserved=9, **ago),
        a_host(DRAINED, state=HostState.DRAINING, reserved=1, reason=OVER, **ago),
    ]


def _sessions(now: datetime) -> list[Instance]:
    placed = [("ada-1", "main-01"), ("grace-2", "main-02"), ("linus-1", DRAINED)]
    running = [_session(name, now, 40, placement=Placement(host, 20000)) for name, host in placed]
    waiting = _session("noor-1", now, 2, state=InstanceState.QUEUED, slots=20, blueprint="large", expires_at=None)
    return [*running, waiting]


def _session(name: str, now: datetime, minutes: int, **values: Any) -> Instance:
    begin = now - timedelta(minutes=minutes)
    times = {"created_at": begin, "state_since": begin, "expires_at": begin + timedelta(hours=2)}
    usual: dict[str, Any] = {"user": name.partition("-")[0], "placement": None}
    return an_instance(name, **usual | times | values)


def _life(now: datetime, *changes: tuple[str, str]) -> list[HistoryEntry]:
    begin = now - timedelta(minutes=12)
    return [HistoryEntry(begin + timedelta(seconds=2 * n), what, why) for n, (what, why) in enumerate(changes)]


def _a_day(now: datetime) -> LastDay:
    """Two classes of the day, for the second of which there are too few hosts at first."""
    begin = now - timedelta(days=1)

    def span(hours: float, until: float, slots: int) -> Span:
        return Span(begin + timedelta(hours=hours), begin + timedelta(hours=until), slots)

    came = [span(15 + n / 40, 17 - n / 90, 1) for n in range(14)] + [span(20 + n / 120, 24, 1) for n in range(15)]
    waited = [span(19.9 + n / 120, 20 + n / 120, 1) for n in range(15)]
    room = [span(0, 24, 6), span(14.9, 18, 12), span(20.05, 24, 24)]
    parts = in_short_times(moments(Recorded((*came,), (*waited,), (*room,)), begin), begin, now, 288)
    starts = [LaunchTimes(one.begin, 0.4, 1.3, 1.5 + n / 6) for n, one in enumerate(came)]
    zone = ZoneInfo("UTC")
    picture = demand_plot("Pool main", [Panel("the last day", parts)], zone, starts)
    return LastDay(picture, f"{peak_words(parts, zone)} {launch_words(starts)}")
