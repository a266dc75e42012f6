"""How long starts took, by short times of a day."""

from datetime import timedelta

import pytest

from pool.reports.launches import LaunchTimes, launch_times, launch_words
from pool.sessions.timings import Phase, Timings
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)


def opened(asked: float, took: float) -> Timings:
    """A session that was asked for so many seconds after the hour's beginning, and was open so much later."""
    return Timings("a", "lab", "main-01", {Phase.ACCEPTED: later(asked), Phase.ROUTED: later(asked + took)})


def seen(*sessions: Timings) -> list[LaunchTimes]:
    return launch_times(sessions, NOW, NOW + HOUR, parts=4)


def test_each_short_time_has_its_fastest_median_and_slowest_start():
    assert seen(opened(910, 9), opened(900, 1), opened(1799, 2)) == [LaunchTimes(later(900), 1, 2, 9)]


def test_times_without_a_start_are_left_out_and_the_others_in_their_order():
    assert [one.at for one in seen(opened(3500, 1), opened(0, 1))] == [NOW, later(2700)]


def test_what_was_not_open_by_the_end_or_asked_for_before_the_beginning_is_left_out():
    waits = Timings("b", "lab", "", {Phase.ACCEPTED: later(5)})
    assert seen(opened(3590, 20), opened(-1, 20), waits) == []


def test_clocks_that_differ_make_no_time_negative():
    assert seen(opened(5, -0.2)) == [LaunchTimes(NOW, 0, 0, 0)]


def test_the_slowest_is_said():
    assert launch_words(seen(opened(1, 2), opened(2000, 31.04))) == "The slowest start took 31.0 s."
    assert launch_words([]) == "No session was started."
