"""Starts are counted as Prometheus counts: each once, whenever it is seen, and none is taken back."""

from datetime import timedelta

import pytest

from pool.reports.start_counts import LATE, Kind, StartCounts
from pool.sessions.timings import BOUNDS, Phase, Timings
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

COLD = Kind("main", "jupyter", "cold")


def started(name: str = "a", told: float = 3, standby: bool = False) -> Timings:
    """A session that was accepted at 0 s, had room at 1 s and a route at 2.5 s."""
    moments = {Phase.ACCEPTED: NOW, Phase.ROOM: later(1), Phase.ROUTED: later(2.5), Phase.TOLD: later(told)}
    return Timings(name, "jupyter", "main-01", moments, standby, "main")


def counted(counts: StartCounts) -> dict[tuple[Kind, str], int]:
    return {(kind, step): int(buckets[-1][1]) for kind, step, buckets, _ in counts.histograms()}


def test_a_start_counts_in_each_of_its_steps_and_as_a_whole():
    (counts := StartCounts(NOW)).count([started()], later(9))
    found = {step: (dict(buckets), total) for _, step, buckets, total in counts.histograms()}
    assert {step: total for step, (_, total) in found.items()} == {"room": 1, "routed": 1.5, "told": 0.5, "whole": 2.5}
    buckets = found["routed"][0]
    assert (buckets["1.0"], buckets["2.0"], buckets["300.0"], buckets["+Inf"]) == (0, 1, 1, 1)
    assert len(buckets) == len(BOUNDS) + 1


def test_a_start_that_is_seen_again_is_not_counted_again_and_one_that_comes_late_is():
    counts = StartCounts(NOW)
    counts.count([started("a")], later(60))
    assert counts.looks_from <= later(3)
    counts.count([started("a"), started("b", told=50)], later(75))
    assert counted(counts)[COLD, "whole"] == 2


def test_what_was_told_before_it_began_is_left_to_the_process_before():
    counts = StartCounts(NOW)
    assert counts.looks_from == NOW
    counts.count([], NOW + LATE - timedelta(seconds=1))
    assert counts.looks_from == NOW
    counts.count([], NOW + LATE + timedelta(hours=1))
    assert counts.looks_from == NOW + timedelta(hours=1)


def test_a_session_that_is_started_again_on_another_host_is_another_start():
    counts = StartCounts(NOW)
    counts.count([started(told=3)], later(9))
    counts.count([started(told=70)], later(75))
    assert counted(counts)[COLD, "told"] == 2


def test_those_from_a_standby_are_counted_for_themselves():
    (counts := StartCounts(NOW)).count([started("a"), started("b", standby=True)], later(9))
    assert counted(counts)[COLD, "whole"] == counted(counts)[COLD._replace(start="standby"), "whole"] == 1


def test_a_kind_that_was_seen_before_has_an_empty_histogram_of_each_phase():
    (counts := StartCounts(NOW)).expect([started()])
    assert set(counted(counts).values()) == {0}
    assert {step for _, step in counted(counts)} == {*map(str, Phase)} - {"accepted"} | {"whole"}
