"""Housekeeping backs up sessions that run as often as their blueprints say."""

from dataclasses import replace

import pytest

from pool.backups.states import BackupState
from pool.decisions import DecisionKind
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import KeptWork
from pool.settings import PoolSettings
from pool.states import InstanceState
from tests.rigs.pool_data import a_backup, a_host, an_instance, later

pytestmark = pytest.mark.unit

INSTANCE = an_instance(keep=KeptWork(("/home",), every=600))


def decided(seconds: float, **seen) -> list[DecisionKind]:
    observed = Observation((a_host(reserved=1),), (INSTANCE,), {"main-01"}, **seen)
    return [one.kind for one in plan(observed, PoolSettings(free_slot_target=0), later(seconds))]


def test_a_session_is_backed_up_when_it_is_time():
    assert decided(599) == []
    assert decided(600) == [DecisionKind.BACK_UP]
    assert decided(600, backups=(a_backup(begun_at=later(300)),)) == []


def test_the_backup_of_another_session_is_none_of_this_one():
    assert decided(600, backups=(a_backup("bob-1.1", begun_at=later(300)),)) == [DecisionKind.BACK_UP]


def test_a_session_that_a_run_works_on_waits_and_one_that_is_over_is_ended_instead():
    assert decided(600, busy_instances={"alice-1"}) == []
    assert decided(3600) == [DecisionKind.EXPIRE]


def test_the_backups_of_a_tick_are_looked_through_once_for_all_sessions():
    looked = []

    class Counted(tuple):
        def __iter__(self):
            looked.append(1)
            return super().__iter__()

    seen = Observation((), (INSTANCE,), set(), backups=Counted([a_backup(), a_backup("bob-1.1")]))
    assert [one.id for one in seen.backups_of(INSTANCE)] == ["alice-1.1"]
    assert seen.backups_of(an_instance("eve-1")) == []
    assert looked == [1]


def test_a_session_whose_end_failed_by_its_backup_is_not_run_down_each_tick():
    ending = replace(INSTANCE, state=InstanceState.STOPPING)
    failed = a_backup(state=BackupState.FAILED, attempts=9, state_since=later(100))
    seen = Observation((a_host(reserved=1),), (ending,), {"main-01"}, backups=(failed,))
    kinds = [[one.kind for one in plan(seen, PoolSettings(free_slot_target=0), later(at))] for at in (399, 400)]
    assert kinds == [[], [DecisionKind.CLEAN_UP]]
