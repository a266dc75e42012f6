"""The records of backups, on both databases."""

from dataclasses import replace

import pytest

from pool.backups.states import BackupCause, BackupFault, BackupState
from pool.errors import NotFound, Refused, RefusedMove
from pool.records import KeptWork
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, ask, claim_active, later, place

pytestmark = pytest.mark.contract

ENDS, ASKED = BackupCause.SESSION_ENDS, BackupCause.REQUESTED
WRITTEN, VERIFIED, FAILED = BackupState.WRITTEN, BackupState.VERIFIED, BackupState.FAILED


@pytest.fixture
def instance(store):
    claim_active(store)
    ask(store, keep=KeptWork(("/home/jovyan",), ("*.tmp",), 100, 60, ("sh", "-c", "dump"), 30))
    return place(store)


def verified(store, instance, cause=ENDS, now=NOW):
    backup = store.backups.begin(instance, cause, now)
    store.backups.move(backup.id, WRITTEN, now, snapshot=f"s-{backup.id}", size=5_000_000_000, digest="d", files=3)
    return store.backups.move(backup.id, VERIFIED, now)


def test_a_session_knows_what_of_it_is_kept(store, instance):
    assert store.instances.get(instance.id).keep == KeptWork(
        ("/home/jovyan",), ("*.tmp",), 100, 60, ("sh", "-c", "dump"), 30
    )


def test_a_backup_is_found_by_its_user_and_keeps_what_was_written(store, instance):
    backup = verified(store, instance)
    assert store.backups.of_user("main", "jupyter", "alice") == [backup]
    assert (backup.id, backup.size, backup.files, backup.counts) == ("alice-1.1", 5_000_000_000, 3, True)
    assert store.backups.of_user("main", "jupyter", "bob") == []


def test_a_backup_that_did_not_come_to_its_end_begins_again_under_its_id(store, instance):
    store.backups.begin(instance, ENDS, NOW)
    store.backups.move("alice-1.1", FAILED, NOW, reason="away", fault=BackupFault.REPOSITORY)
    again = store.backups.begin(instance, ENDS, later(30))
    assert (again.id, again.attempts, again.fault, again.reason) == ("alice-1.1", 2, None, "")


def test_a_backup_of_another_cause_has_a_number_of_its_own(store, instance):
    store.backups.begin(instance, ASKED, NOW)
    assert store.backups.begin(instance, ENDS, later(9)).id == "alice-1.2"


def test_what_was_kept_at_a_sessions_end_is_kept_once_and_what_is_asked_for_each_time(store, instance):
    asked = verified(store, instance, ASKED)
    assert store.backups.begin(instance, ASKED, later(9)).id != asked.id
    ended = verified(store, instance, ENDS, later(99))
    assert store.backups.begin(instance, ENDS, later(999)) == ended


def test_what_was_kept_of_an_earlier_session_of_the_same_name_is_not_taken_for_this_ones(store, instance):
    earlier = verified(store, instance)
    later_one = replace(instance, created_at=later(99))
    assert store.backups.begin(later_one, ENDS, later(100)).id == "alice-1.2"
    assert store.backups.get(earlier.id) == earlier


def test_a_backup_outlives_the_record_of_its_session(store, instance):
    verified(store, instance)
    store.instances.move(instance.id, InstanceState.STOPPING, NOW)
    store.instances.move(instance.id, InstanceState.DELETED, NOW)
    store.instances.forget(later(9))
    assert [one.id for one in store.backups.all([VERIFIED])] == ["alice-1.1"]


def test_the_record_of_a_forgotten_backup_goes_but_the_newest_of_a_session_on_record(store, instance):
    for at in (0, 1):
        backup = verified(store, instance, ASKED, later(at))
        store.backups.move(backup.id, BackupState.FORGOTTEN, later(at))
    assert (store.backups.drop_forgotten(NOW), store.backups.drop_forgotten(later(9))) == (0, 1)
    assert store.backups.begin(instance, ASKED, later(10)).id == "alice-1.3"


def test_records_of_forgotten_backups_go_all_of_a_session_that_is_not_on_record(store, instance):
    other = replace(instance, id="bob-1")
    store.backups.move(verified(store, other, ASKED).id, BackupState.FORGOTTEN, NOW)
    verified(store, instance)
    assert (store.backups.drop_forgotten(later(9)), [one.id for one in store.backups.all()]) == (1, ["alice-1.1"])


def test_a_tick_reads_no_backup_that_is_forgotten(store, instance):
    store.backups.move(verified(store, instance, ASKED).id, BackupState.FORGOTTEN, NOW)
    verified(store, instance, ASKED)
    assert [one.id for one in store.backups.of_instances([instance.id])] == ["alice-1.2"]


def test_pools_are_those_that_have_backups_though_they_are_gone(store, instance):
    assert store.backups.pools() == []
    verified(store, replace(instance, pool="gone"))
    assert store.backups.pools() == ["gone"]


def test_a_move_that_the_life_cycle_does_not_have_changes_nothing(store, instance):
    backup = store.backups.begin(instance, ENDS, NOW)
    with pytest.raises(RefusedMove, match=r"backup alice-1.1 cannot go from writing to verified"):
        store.backups.move(backup.id, VERIFIED, NOW)
    with pytest.raises(NotFound, match=r"no backup is named bob-1.1"):
        store.backups.get("bob-1.1")


def test_what_was_kept_for_a_move_is_kept_once_and_for_the_next_move_anew(store, instance):
    moves = BackupCause.SESSION_MOVES
    first = verified(store, replace(instance, state_since=later(5)), moves, later(9))
    assert store.backups.begin(replace(instance, state_since=later(5)), moves, later(20)) == first
    assert store.backups.begin(replace(instance, state_since=later(60)), moves, later(70)).id == "alice-1.2"


def test_a_backup_that_is_written_may_stand_on_one_that_counts_and_on_no_other(store, instance):
    base = verified(store, instance, ASKED)
    new = store.backups.begin(instance, ASKED, later(9))
    assert store.backups.stand_on(new.id, base.id).base == base.id
    store.backups.move(base.id, BackupState.FORGOTTEN, later(10))
    with pytest.raises(Refused, match=r"alice-1.2 cannot stand on alice-1.1, which is forgotten"):
        store.backups.stand_on(new.id, base.id)
    with pytest.raises(NotFound):
        store.backups.stand_on(new.id, "alice-1.9")


def test_a_backup_that_begins_again_stands_on_none(store, instance):
    base = verified(store, instance, ASKED)
    new = store.backups.begin(instance, ASKED, later(9))
    store.backups.stand_on(new.id, base.id)
    assert store.backups.begin(instance, ASKED, later(99)).base == ""


def test_the_record_of_a_backup_that_another_one_stands_on_stays(store, instance):
    base = verified(store, instance, ASKED)
    new = store.backups.begin(instance, ASKED, later(9))
    store.backups.stand_on(new.id, base.id)
    store.backups.move(base.id, BackupState.FORGOTTEN, later(10))
    assert store.backups.drop_forgotten(later(99)) == 0
    store.backups.move(new.id, WRITTEN, later(100), base="")
    assert store.backups.drop_forgotten(later(999)) == 1
