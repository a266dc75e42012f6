"""Housekeeping lets moves go on, and takes no session that is moved for one that broke."""

from dataclasses import replace

import pytest

from pool.backups.states import BackupCause, BackupState
from pool.decisions import DecisionKind
from pool.housekeeping.found import ContainerOutcome, Probe, SeenContainer
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import KeptWork, Placement
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import a_backup, a_host, an_instance, later

pytestmark = pytest.mark.unit

MOVING = an_instance(
    keep=KeptWork(("/home",), every=60),
    state=InstanceState.MOVING,
    target=Placement("main-02", 20000),
    idle_timeout=60,
)
HOSTS = (a_host(reserved=1), a_host("main-02", reserved=1))
GOES_ON = [("alice-1", DecisionKind.MOVE_ON)]


def decided(seconds: float = 30, session=MOVING, hosts=HOSTS, **seen) -> list[tuple[str, DecisionKind]]:
    observed = Observation(hosts, (session,), {"main-01", "main-02"}, **seen)
    decisions = plan(observed, PoolSettings(free_slot_target=0, host_lifetime=99999), later(seconds))
    return [(one.subject, one.kind) for one in decisions if one.subject not in ("main-01", "main-02")]


def test_a_move_that_no_run_does_is_gone_on_with_after_a_moment():
    assert decided(15) == []
    assert decided(16) == GOES_ON
    assert decided(16, busy_instances={"alice-1"}) == []


def test_a_move_whose_backup_failed_a_moment_ago_pauses():
    failed = a_backup(cause=BackupCause.SESSION_MOVES, state=BackupState.FAILED, state_since=later(20))
    assert decided(49, backups=(failed,)) == []
    assert decided(50, backups=(failed,)) == GOES_ON


@pytest.mark.parametrize("outcome", [ContainerOutcome.SHUT_DOWN, ContainerOutcome.FAILED])
def test_a_program_that_was_ended_for_a_move_is_no_session_that_ended(outcome):
    probe = Probe(True, (SeenContainer("dd-alice-1", "alice-1", outcome),))
    assert decided(probes={"main-01": probe}) == GOES_ON
    assert decided(probes={"main-01": Probe(True)}) == GOES_ON


def test_a_session_is_not_expired_idle_drained_or_backed_up_while_it_moves():
    drains = a_host(reserved=1, state=HostState.DRAINING, drain_deadline=later(1))
    assert decided(99999, hosts=(drains, HOSTS[1]), watched_since=later(0)) == GOES_ON


KEPT = replace(MOVING, state=InstanceState.RUNNING, target=None, idle_timeout=0, keep=KeptWork(("/home",)))
DRAINS = a_host(reserved=1, state=HostState.DRAINING, drain_deadline=later(1200))


def leaving(seconds: float, session=KEPT, other=HOSTS[1], **seen) -> list[tuple[str, DecisionKind]]:
    return decided(seconds, session, (DRAINS, other), **seen)


def test_a_session_with_work_leaves_a_draining_host_ten_minutes_before_the_deadline():
    assert leaving(599) == []
    assert leaving(600) == leaving(1199) == [("alice-1", DecisionKind.MOVE_OFF)]
    assert leaving(600, busy_instances={"alice-1"}) == []


def test_one_that_is_left_at_the_deadline_is_ended():
    assert leaving(1200) == [("alice-1", DecisionKind.END_DRAINED)]


@pytest.mark.parametrize("other", [a_host("main-02", reserved=6), a_host("main-02", state=HostState.DRAINING)])
def test_a_session_stays_to_the_deadline_where_no_other_host_has_room(other):
    assert leaving(600, other=other) == []


def test_a_session_stays_to_the_deadline_where_nothing_of_it_would_arrive():
    assert leaving(600, replace(KEPT, keep=KeptWork())) == []
    assert leaving(600, replace(KEPT, options={"secrets": {"key": "once-token"}})) == []


def test_a_session_on_a_host_that_drains_without_a_deadline_lives_out_its_time():
    assert decided(600, KEPT, (replace(DRAINS, drain_deadline=None), HOSTS[1])) == []


def test_a_session_whose_host_is_lost_is_lost_unless_a_backup_has_all_of_its_work():
    lost = (a_host(reserved=1, state=HostState.FAILED), HOSTS[1])
    assert decided(hosts=lost) == [("alice-1", DecisionKind.FAIL_INSTANCE)]
    assert decided(hosts=lost, session=replace(MOVING, carried="alice-1.2")) == GOES_ON


def test_what_is_left_of_a_moved_session_on_its_old_host_is_an_orphan_and_what_it_has_on_the_new_one_is_not():
    moved = an_instance(placement=Placement("main-02", 20000))
    container = SeenContainer("dd-alice-1", "alice-1")
    probes = {name: Probe(True, (container,)) for name in ("main-01", "main-02")}
    assert decided(session=moved, probes=probes) == [("container/main-01/dd-alice-1", DecisionKind.REPORT)]
