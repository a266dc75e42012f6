"""How a pool stood by its records: what sessions held and waited for, and when hosts took sessions."""

import re
from zoneinfo import ZoneInfo

import pytest

from pool.changes import Change, Noun
from pool.states import HostState
from pool.what_if.figures import in_short_times, peak_words
from pool.what_if.on_record import Recorded, Span, active_spans, moments
from tests.rigs.pool_data import NOW, a_host, later

pytestmark = pytest.mark.unit


def span(begin: float, end: float, slots: int = 1) -> Span:
    return Span(later(begin), later(end), slots)


def changes(*states: tuple[float, str]) -> list[Change]:
    return [Change(n, later(at), Noun.HOST, "main-01", "main", state, "") for n, (at, state) in enumerate(states)]


UTC = ZoneInfo("UTC")
BEGUN = ((0, "spawning"), (10, "configuring"), (60, "active"))


def test_what_was_held_waited_for_and_there_stands_beside_each_other():
    stood = moments(Recorded((span(60, 600, 2),), (span(0, 60, 2),), (span(30, 600, 6),)), NOW)
    assert [(one.at, one.held, one.waiting, one.room) for one in stood] == [
        (NOW, 0, 2, 0),
        (later(30), 0, 2, 6),
        (later(60), 2, 0, 6),
        (later(600), 0, 0, 0),
    ]


def test_what_began_earlier_counts_from_the_beginning_and_what_was_over_by_then_does_not():
    stood = moments(Recorded((span(-600, 60), span(-600, -60)), (), ()), NOW)
    assert [(one.at, one.held) for one in stood] == [(NOW, 1), (later(60), 0)]


def test_a_host_takes_sessions_while_it_is_active_and_again_after_it_was_returned():
    lived = changes(*BEGUN, (100, "draining"), (200, "active"), (300, "draining"), (310, "removing"))
    assert active_spans(a_host(active_at=later(60)), lived, later(999)) == [span(60, 100, 6), span(200, 300, 6)]


def test_a_host_out_of_reach_takes_none_and_one_that_drains_takes_none_when_it_is_back():
    lived = changes(
        *BEGUN, (70, "unreachable"), (80, "reachable"), (90, "draining"), (95, "unreachable"), (99, "reachable")
    )
    assert active_spans(a_host(active_at=later(60)), lived, later(999)) == [span(60, 70, 6), span(80, 90, 6)]


def test_a_host_whose_beginning_is_forgotten_was_active_before_what_is_kept():
    host = a_host(active_at=later(60), state=HostState.ACTIVE)
    assert active_spans(host, [], later(999)) == [span(60, 999, 6)]
    assert active_spans(host, changes((500, "draining")), later(999)) == [span(60, 500, 6)]


def test_the_peak_is_said_with_its_time():
    shown = in_short_times(moments(Recorded((span(600, 1200, 3),), (span(0, 60, 2),), ()), NOW), NOW, later(3600), 12)
    assert peak_words(shown, UTC) == (
        "At most 3 slots were wanted at once, between 08:10 and 08:15, of 0 that there were;"
        " at most 2 were waited for, between 08:00 and 08:05."
    )


@pytest.mark.parametrize("waited_at", [40, 340, 610])
def test_the_moment_of_the_peak_is_between_the_times_that_are_said(waited_at):
    begin = later(20)  # no whole minute, as of a day that ends now
    recorded = Recorded((), (span(waited_at, waited_at + 5, 1),), ())
    shown = in_short_times(moments(recorded, begin), begin, later(20 + 3600), 12)
    first, last = re.findall(r"waited for, between (\d\d:\d\d) and (\d\d:\d\d)", peak_words(shown, UTC))[0]
    assert first <= f"{later(waited_at):%H:%M}" < last


def test_a_day_without_sessions_is_said():
    shown = in_short_times(moments(Recorded((), (), ()), NOW), NOW, later(3600), 12)
    assert peak_words(shown, UTC) == "No slot was wanted."
