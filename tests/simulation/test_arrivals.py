"""A teaching week by our rules and by those of the old driver: the bounds of `make bench NAME=arrivals`."""

from random import Random

import pytest

from pool.settings import PoolSettings
from pool.what_if.figures import figures
from pool.what_if.replay import Replay
from tests.benchmarks.arrivals import (
    ADVISED,
    SEED,
    SETTINGS,
    OldRules,
    clairvoyant_hours,
    lived,
    p95,
    teaching_week,
    timetable,
)

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def week():
    return teaching_week(Random(SEED))


@pytest.fixture(scope="module")
def ours(week):
    lessons, visits, boots = week
    return lived(Replay, PoolSettings(**SETTINGS | ADVISED, timetable=timetable(lessons)), visits, boots)


@pytest.fixture(scope="module")
def old(week):
    _, visits, boots = week
    return lived(OldRules, PoolSettings(**SETTINGS), visits, boots)


def test_of_a_week_of_classes_none_is_refused_and_95_of_100_users_wait_for_nothing(ours, old):
    assert (ours.refused, p95(ours)) == (0, 0)
    assert p95(old) > 200


def test_the_week_costs_no_more_than_by_the_old_rules_nor_a_quarter_more_than_one_who_knows_all_would_pay(
    week, ours, old
):
    hours, (_, visits, _) = figures(ours).small_host_hours, week
    assert hours <= figures(old).small_host_hours
    assert hours <= 1.25 * clairvoyant_hours(visits)
