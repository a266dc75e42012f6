"""Advice: settings that keep a wait, and the reasons."""

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from pool.errors import BadRequest
from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.what_if.advice import advise
from pool.what_if.classes import Supposed
from pool.what_if.study import Past, compare, comparison_rows, livable
from tests.rigs.pool_data import NOW, a_course, later

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

HOUR = 3600


def past(visits) -> Past:
    return Past("main", visits, [120], NOW, later(6 * HOUR), ZoneInfo("UTC"))


@pytest.fixture(scope="module")
def a_class():
    """Forty users at 10:00, who stay for an hour."""
    return past([Visit(later(2 * HOUR + 5 * number), 1, stayed=HOUR, allowed=HOUR) for number in range(40)])


@pytest.mark.no_cover  # dozens of replays, each at four times its cost: the other tests here run the same lines
def test_a_timetable_is_advised_for_a_class_and_each_other_kind_of_settings_gets_its_reason(a_class):
    advice = advise(a_class, PoolSettings(), wait_p95=5)
    assert advice.kept
    assert advice.best.figures.wait_p95_s <= 5 < advice.today.figures.wait_p95_s
    assert "DD_TIMETABLE=Mon 09:55-10:00: 40" in advice.changes
    assert any(reason.startswith("today's timetable") for reason in advice.reasons)


def test_small_hosts_alone_are_advised_where_some_of_a_class_stay_and_would_keep_large_ones():
    pupils = [Visit(later(2 * HOUR + 5 * n), 1, stayed=HOUR if n % 10 else 4 * HOUR) for n in range(40)]
    advice = advise(past(pupils), PoolSettings(), wait_p95=5)
    assert {"DD_HOST_FLAVOR_NAME_LARGE=standard.medium", "DD_HOST_FLAVOR_SLOTS_LARGE=6"} <= {*advice.changes}
    assert "DD_MAX_HOSTS=16" in advice.changes  # for as many slots as 4 large ones
    assert advice.reasons[0].startswith("small hosts alone, 16 for as many slots")
    assert any(reason.startswith("large hosts from 24 slots in use on: keeps") for reason in advice.reasons)


def test_large_hosts_later_are_advised_where_few_users_keep_the_pool_in_use_and_one_needs_a_large_host():
    few = [Visit(later(600 * n), 1, stayed=1200) for n in range(6, 30)]
    wide = Visit(later(3 * HOUR), 10, stayed=HOUR)
    advice = advise(past(sorted([*few, wide], key=lambda one: one.at)), PoolSettings(), wait_p95=5)
    assert "DD_HOST_FLAVOR_LARGE_FROM=24" in advice.changes
    assert "small hosts alone, 16 for as many slots: 0 s (p95), 1 refused at best, with target 8" in advice.reasons


def test_a_wait_that_nothing_keeps_is_said_with_the_nearest_and_with_what_stands_in_the_way(a_class):
    advice = advise(a_class, PoolSettings(max_hosts=1), wait_p95=5)
    assert not advice.kept
    assert "none of the" in advice.reasons[0]
    assert re.match(r"DD_MAX_HOSTS=\d is reached: try more", advice.reasons[1])


def test_settings_that_are_the_best_already_are_left_as_they_are():
    quiet = past([Visit(later(HOUR), 1, stayed=60, allowed=60)])
    advice = advise(quiet, PoolSettings(free_slot_target=1), wait_p95=5)
    assert (advice.changes, advice.reasons) == ([], ("today's settings are the best of those that were tried",))


def test_figures_stand_side_by_side(a_class):
    rows = comparison_rows(*compare(a_class, PoolSettings(), PoolSettings(free_slot_target=24)).figures)
    assert rows[0] == {"what": "sessions", "today": "40", "then": "40"}
    waits = next(row for row in rows if row["what"] == "wait, 95 of 100 at most")
    assert waits["today"] != waits["then"]


@pytest.mark.no_cover  # as above
def test_the_peak_of_hosts_is_shown_beside_the_limit_that_it_reached(a_class):
    both = compare(a_class, PoolSettings(max_hosts=1), PoolSettings(max_hosts=99)).figures
    [peak] = [row for row in comparison_rows(*both) if row["what"] == "hosts at the peak, of DD_MAX_HOSTS"]
    assert (peak["today"], peak["then"]) == ("1 of 1: reached", f"{both[1].hosts_at_the_peak} of 99")


def test_no_line_of_a_timetable_is_advised_for_a_class_that_has_slots_reserved(a_class):
    students = [replace(visit, course="bio101") for visit in a_class.visits]
    bio = a_course(times=["Mon 10:00-11:00"], slots=40)
    advice = advise(replace(a_class, visits=students, courses=[bio]), PoolSettings(), wait_p95=5)
    assert advice.today.figures.wait_p95_s == 0
    assert not any(change.startswith("DD_TIMETABLE") for change in advice.changes)


def test_a_course_that_never_was_reserves_nothing_today_and_its_slots_then(a_class):
    tried = livable(a_class, Supposed(courses=["30@Mon12:00-13:00"]))
    today, then = compare(tried, PoolSettings(), PoolSettings()).figures
    assert today.sessions == then.sessions == 70
    assert then.slots_in_vain > today.slots_in_vain


def test_the_pools_courses_can_be_left_out_of_what_is_tried(a_class):
    students = [replace(visit, course="bio101") for visit in a_class.visits]
    recorded = replace(a_class, visits=students, courses=[a_course(times=["Mon 10:00-11:00"], slots=40)])
    today, then = compare(livable(recorded, Supposed(without_courses=True)), PoolSettings(), PoolSettings()).figures
    assert today.wait_p95_s == 0 < then.wait_p95_s


def test_a_pool_without_a_visit_has_nothing_to_replay():
    with pytest.raises(BadRequest, match="no visit on record since 2026-01-05 08:00 UTC: there is nothing to replay"):
        livable(past([]))
