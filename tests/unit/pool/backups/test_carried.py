"""What a session takes along to another host, and that nothing else comes in its place."""

from dataclasses import replace

import pytest

from pool.backups import choosing, rules
from pool.backups.carried import carried_backup
from pool.backups.forgetting import to_forget
from pool.backups.states import PROGRAM_ENDS, BackupCause, BackupState
from pool.errors import Refused
from pool.records import KeptWork
from pool.states import InstanceState
from tests.rigs.pool_data import a_backup, an_instance, later

pytestmark = pytest.mark.unit

CARRIES = an_instance(keep=KeptWork(("/home",)), carried="alice-1.2", state=InstanceState.STARTING)


def test_a_session_begins_elsewhere_with_its_newest_backup_that_counts():
    mine = [a_backup("alice-1.1", begun_at=later(10)), a_backup("alice-1.2", begun_at=later(20))]
    assert carried_backup(CARRIES, mine).id == "alice-1.2"
    spoiled = [mine[0], replace(mine[1], state=BackupState.FAILED)]
    assert carried_backup(CARRIES, spoiled).id == "alice-1.1"


def test_a_session_begins_with_nothing_under_no_circumstances():
    earlier = a_backup(begun_at=later(-60))  # of an earlier session of the same name
    with pytest.raises(Refused, match="none of its backups can be read any more"):
        carried_backup(CARRIES, [earlier, a_backup("alice-1.2", state=BackupState.FAILED)])


@pytest.mark.parametrize(
    "values", [{"user": ""}, {"options": {"restore": "none"}}, {"options": {"restore": "bob-1.1"}}]
)
def test_its_own_work_comes_back_whatever_its_request_said(values):
    assert choosing.brings_back(replace(CARRIES, **values))
    assert not choosing.brings_newest_back(replace(CARRIES, **values))


def test_what_is_half_there_on_the_new_host_is_no_work_to_keep():
    assert not rules.has_work(replace(CARRIES, state=InstanceState.STOPPING))
    assert rules.has_work(replace(CARRIES, state=InstanceState.STOPPING, carried=""))


def test_a_backup_that_is_carried_is_not_forgotten():
    old = [a_backup("alice-1.2", begun_at=later(0)), a_backup("alice-2.1", begun_at=later(60))]
    assert [one.id for one in to_forget(old, 1, 0, later(99))] == ["alice-1.2"]
    assert to_forget(old, 1, 0, later(99), {"alice-1.2"}) == []


def test_a_session_that_moves_is_backed_up_as_one_that_ends():
    assert {BackupCause.SESSION_ENDS, BackupCause.SESSION_MOVES} == PROGRAM_ENDS
    assert rules.needs_backups(replace(CARRIES, state=InstanceState.MOVING))
