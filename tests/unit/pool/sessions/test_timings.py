"""How long sessions take to start, phase by phase."""

from dataclasses import replace

import pytest

from pool.sessions.timings import (
    BOUNDS,
    Phase,
    Spread,
    Timings,
    next_alive_look,
    next_look,
    seconds_since_accepted,
    spreads,
)
from tests.rigs.pool_data import later

pytestmark = pytest.mark.unit

THROUGH = [Phase.ACCEPTED, Phase.PICKED_UP, Phase.ROOM, Phase.ROUTED]


def session(name: str, *seconds: float, host: str = "main-01", blueprint: str = "jupyter") -> Timings:
    """It was accepted at 0 s and came through the next phases at these."""
    return Timings(name, blueprint, host, dict(zip(THROUGH, map(later, (0, *seconds)), strict=False)))


def spread(*seconds: float) -> Spread:
    return Spread("all", "room", tuple(sorted(seconds)))


def test_the_answer_says_after_how_many_seconds_each_phase_was_reached():
    moments = session("a", 0.1, 0.3, 1.7).moments
    assert seconds_since_accepted(moments) == {"picked_up": 0.1, "room": 0.3, "routed": 1.7}


def test_a_session_whose_acceptance_is_not_known_has_no_seconds():
    assert seconds_since_accepted({Phase.ROOM: later(3)}) == {}


def test_a_step_is_measured_from_the_phase_before_it_that_is_known():
    steps = {one.step: one.seconds for one in spreads([session("a", 0.1, 0.3, 1.7)]) if one.group == "all"}
    assert steps == {"picked_up": (0.1,), "room": (0.2,), "routed": (1.4,), "whole": (1.7,)}


def test_those_from_a_standby_are_a_group_of_their_own():
    seen = spreads([session("a", 1), replace(session("b", 2), standby=True)])
    assert [one.seconds for one in seen if one.group == "from standby"] == [(2,)]


def test_sessions_are_counted_together_by_host_and_by_blueprint():
    sessions = [session("a", 1), session("b", 2, host="main-02"), session("c", 3, blueprint="rstudio"), session("d")]
    seen = {one.group: one.seconds for one in spreads(sessions)}
    assert list(seen) == ["all", "host main-01", "host main-02", "blueprint jupyter", "blueprint rstudio"]
    assert (seen["all"], seen["host main-01"], seen["blueprint rstudio"]) == ((1, 2, 3), (1, 3), (3,))


def test_one_that_never_had_room_counts_for_no_host():
    assert {one.group for one in spreads([session("a", 1, host="")])} == {"all", "blueprint jupyter"}


def test_a_worker_whose_clock_is_behind_the_servers_makes_no_time_negative():
    assert seconds_since_accepted(session("a", -0.2).moments) == {"picked_up": 0}


@pytest.mark.parametrize(("percent", "seconds"), [(50, 50), (95, 95), (99, 99)])
def test_so_many_of_a_hundred_sessions_were_no_slower(percent, seconds):
    assert spread(*range(1, 101)).percentile(percent) == seconds


def test_of_one_session_every_percentile_is_its_own_time():
    assert {spread(0.7).percentile(percent) for percent in (50, 95, 99)} == {0.7}


def test_a_histogram_counts_each_session_once_also_one_that_took_longest():
    counts = spread(0.01, 0.011, 0.5, 9999).histogram()
    assert (len(counts), sum(counts)) == (len(BOUNDS) + 1, 4)
    assert (counts[0], counts[1], counts[BOUNDS.index(0.5)], counts[-1]) == (1, 1, 1, 1)


@pytest.mark.parametrize(("waited", "pause"), [(0, 0.025), (0.8, 0.025), (1.6, 0.08), (3.2, 0.2), (60, 0.5)])
def test_looks_at_a_session_that_starts_become_rarer_the_longer_it_takes(waited, pause):
    assert next_look(waited, shortest=0.025) == pytest.approx(pause)


def looks_until(answers: float, expected: float) -> list[float]:
    """When it is looked at, if each look takes two milliseconds; the last one finds that it answers."""
    looks = [0.0]
    while looks[-1] < answers:
        looks.append(looks[-1] + 0.002 + next_look(looks[-1], 0.025, expected))
    return looks


@pytest.mark.parametrize("seconds", [0.3, 0.7, 0.85])
def test_a_session_that_answers_when_it_is_expected_to_is_noticed_at_once_and_costs_no_more_looks(seconds):
    for answers in (0.9 * seconds, 0.95 * seconds, seconds, 1.1 * seconds):
        looks = looks_until(answers, expected=seconds)
        assert looks[-1] - answers < max(seconds / 80, 0.025 / 3) + 0.003
        assert len(looks) <= max(len(looks_until(answers, expected=0)), 38)
    assert len(looks_until(seconds, expected=seconds)) <= len(looks_until(seconds, expected=0)) + 1


@pytest.mark.parametrize("expected", [0.001, 0.3, 5.0, 60.0])
@pytest.mark.parametrize("answers", [0.0, 0.05, 0.7, 3.0, 30.0, 200.0])
def test_one_that_answers_at_another_time_is_noticed_little_later_and_costs_no_more_than_forty_looks_more(
    answers, expected
):
    looks, unexpecting = looks_until(answers, expected), looks_until(answers, expected=0)
    assert looks[-1] - answers <= max(0.11, 0.6 * bool(answers > 2))
    assert len(looks) <= len(unexpecting) + 40


@pytest.mark.parametrize("died", [0.1, 1.1, 4, 30])
def test_a_container_that_ended_is_noticed_before_it_is_half_as_old_again_and_a_second(died):
    looked = 0.0
    while looked < died:
        looked = next_alive_look(looked)
    assert looked - died <= 1 + died / 2


def test_an_engine_is_asked_five_times_at_most_about_a_container_that_starts_for_twelve_seconds():
    looks = [0.0]
    while next_alive_look(looks[-1]) < 12:
        looks.append(next_alive_look(looks[-1]))
    assert len(looks[1:]) <= 5
