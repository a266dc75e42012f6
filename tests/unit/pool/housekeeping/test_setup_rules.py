"""Hosts in service that were configured with other settings than their pool has now."""

import pytest

from pool.decisions import DecisionKind as Kind
from pool.settings import PoolSettings
from tests.rigs.pool_data import a_host, later
from tests.unit.pool.housekeeping.test_plan import planned

pytestmark = pytest.mark.unit

WANTED, OTHER = PoolSettings().setup_version, "none"


def test_a_host_in_service_is_configured_again_when_the_settings_changed():
    assert planned([a_host(setup=WANTED)]) == []
    assert planned([a_host(setup=OTHER)]) == [(Kind.CONFIGURE, "main-01")]


def test_a_host_whose_setup_is_not_recorded_is_left_alone():
    assert planned([a_host(setup="")]) == []


@pytest.mark.parametrize(("seconds", "kinds"), [(599, []), (600, [Kind.CONFIGURE])])
def test_one_that_was_tried_lately_waits_ten_minutes(seconds, kinds):
    tried = a_host(setup=OTHER, repaired_at=later(0))
    assert [kind for kind, _ in planned([tried], now=later(seconds))] == kinds


def test_no_more_hosts_are_configured_again_at_once_than_may_be_spawned_at_once():
    hosts = [a_host(f"main-{number:02d}", setup=OTHER) for number in range(1, 6)]
    plans = planned(hosts, settings={"max_spawns": 3}, busy_hosts={"main-01"})
    assert plans == [(Kind.CONFIGURE, "main-02"), (Kind.CONFIGURE, "main-03")]
