"""A host's certificate is renewed before it runs out; one that did run out costs no living session its host."""

import pytest

from pool.decisions import DecisionKind as Kind
from pool.hosts.certificates import Validity
from pool.housekeeping.found import Probe, SeenContainer
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.housekeeping.reconciliation import DISTRUST_GRACE, REPAIR_PAUSE
from pool.settings import PoolSettings
from pool.states import HostState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

YEAR = 365 * 86400
ITS_CONTAINER = SeenContainer("dd-alice-1", "alice-1")
WELL = Probe(answers=True, containers=(ITS_CONTAINER,), certificate=Validity(NOW, later(YEAR)))
EXPIRED = Probe(answers=False, distrusted=True, trouble="certificate has expired")
IN_SERVICE = pytest.mark.parametrize("state", [HostState.ACTIVE, HostState.DRAINING])


def kinds(host, probe: Probe, seconds: float, busy: bool = False) -> list[Kind]:
    session = an_instance(expires_at=later(9 * YEAR))
    busy_hosts = {host.name} if busy else set()
    seen = Observation((host,), (session,), {host.name}, probes={host.name: probe}, busy_hosts=busy_hosts)
    return [one.kind for one in plan(seen, PoolSettings(free_slot_target=0), later(seconds))]


def serving(state: HostState, **values):
    return a_host(state=state, reserved=1, **values)


@IN_SERVICE
def test_a_host_that_serves_or_drains_is_given_a_new_certificate_with_a_third_of_the_olds_life_left(state):
    assert kinds(serving(state), WELL, YEAR * 0.66) == []
    assert kinds(serving(state), WELL, YEAR * 0.67) == [Kind.RENEW]


@IN_SERVICE
def test_a_renewal_is_tried_once_an_hour_and_not_beside_a_run_that_configures_the_host(state):
    late = YEAR * 0.7
    assert kinds(serving(state, repaired_at=later(late - REPAIR_PAUSE + 1)), WELL, late) == []
    assert kinds(serving(state, repaired_at=later(late - REPAIR_PAUSE)), WELL, late) == [Kind.RENEW]
    assert kinds(serving(state), WELL, late, busy=True) == []


def test_a_draining_host_whose_certificate_ran_out_is_given_one_and_is_not_failed_with_its_sessions():
    host = serving(HostState.DRAINING, unreachable_since=NOW)
    assert kinds(host, EXPIRED, 301) == [Kind.RENEW]
    again = serving(HostState.DRAINING, unreachable_since=NOW, repaired_at=later(301))
    assert kinds(again, EXPIRED, 302) == []


def test_a_host_that_cannot_be_put_right_for_hours_is_given_up_at_last():
    host = serving(HostState.DRAINING, unreachable_since=NOW, repaired_at=later(DISTRUST_GRACE))
    assert kinds(host, EXPIRED, DISTRUST_GRACE) == []
    assert kinds(host, EXPIRED, DISTRUST_GRACE + 1)[0] is Kind.FAIL_HOST


def test_a_silent_host_is_given_no_more_than_its_grace_time():
    host = serving(HostState.DRAINING, unreachable_since=NOW)
    assert kinds(host, Probe(answers=False, trouble="timed out"), 301)[0] is Kind.FAIL_HOST
