"""Which snapshots may be deleted, however restic spells their names, and whatever was lost beside them."""

from dataclasses import replace

import pytest

from pool.backups.snapshots import Snapshot, strangers, to_delete
from pool.backups.states import BackupState, BackupTrouble
from tests.rigs.pool_data import NOW, a_backup, later

pytestmark = pytest.mark.unit

DAY = 86400
OURS, HALF = "a1b2c3d4" + "0" * 56, "0badcafe" + "0" * 56
LISTED = {OURS: Snapshot(NOW, "alice-1.1"), HALF: Snapshot(NOW, "alice-1.1")}


@pytest.mark.parametrize("spelled", [OURS, OURS[:8]])
def test_a_snapshot_that_a_record_names_stays_in_whichever_spelling(spelled):
    assert to_delete(LISTED, [a_backup(snapshot=spelled)], later(2 * DAY)) == {HALF}


def test_a_snapshot_that_no_record_names_stays_for_a_day_for_it_may_be_being_written():
    assert to_delete(LISTED, [a_backup(snapshot=OURS)], later(DAY)) == set()


def test_what_is_forgotten_needs_its_snapshot_no_more():
    forgotten = a_backup(snapshot=OURS, state=BackupState.FORGOTTEN)
    assert to_delete(LISTED, [forgotten], later(2 * DAY)) == {OURS, HALF}


def test_what_another_backup_stands_on_is_needed_though_it_is_forgotten():
    base = a_backup(snapshot=OURS, state=BackupState.FORGOTTEN)
    between = a_backup("alice-1.2", snapshot="bbbbbbbb", base=base.id, state=BackupState.FORGOTTEN)
    stands = a_backup("alice-1.3", snapshot=HALF, base=between.id)
    assert to_delete(LISTED, [base, between, stands], later(2 * DAY)) == set()
    forgotten = replace(stands, state=BackupState.FORGOTTEN)
    assert to_delete(LISTED, [base, between, forgotten], later(2 * DAY)) == {OURS, HALF}


def test_nothing_is_deleted_in_a_repository_that_lists_no_backup_that_counts():
    counts = a_backup(snapshot="ffffffff")
    with pytest.raises(BackupTrouble, match=r"nothing is deleted: of 1 backup that counts, .* block backup-store/"):
        to_delete(LISTED, [counts], later(2 * DAY))


def test_a_repository_where_one_of_the_backups_that_count_is_listed_is_the_right_one():
    backups = [a_backup(snapshot=OURS), a_backup("alice-2.1", snapshot="ffffffff")]
    assert to_delete(LISTED, backups, later(2 * DAY)) == {HALF}


def test_what_was_written_for_a_backup_that_no_record_knows_is_told_and_never_deleted():
    others = [a_backup("bob-1.1", snapshot="12345678", state=BackupState.FORGOTTEN)]
    assert to_delete(LISTED, [], later(99 * DAY)) == to_delete(LISTED, others, later(99 * DAY)) == set()
    assert strangers(LISTED, others, later(99 * DAY)) == {OURS, HALF}
