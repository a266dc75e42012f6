"""Which backups are deleted: by number, by age, and those that never counted."""

from datetime import timedelta

import pytest

from pool.backups.forgetting import to_forget, why_forgotten
from pool.backups.states import BackupState, check_backup_move
from tests.rigs.pool_data import NOW, a_backup, later

pytestmark = pytest.mark.unit

DAY = 86400


def ids(backups) -> list[str]:
    return [one.id for one in backups]


def test_of_each_user_and_blueprint_the_newest_stay():
    mine = [a_backup(f"alice-{n}.1", begun_at=later(n)) for n in range(3)]
    others = [a_backup("bob-1.1", user="bob"), a_backup("alice-9.1", blueprint="rstudio")]
    assert ids(to_forget([*mine, *others], kept=2, days=0, now=later(9))) == ["alice-0.1"]


def test_of_sessions_that_name_no_user_the_newest_of_each_stay():
    work = {"user": "", "blueprint": "notebook"}
    old = a_backup("lab-1.1", instance="lab-1", **work)
    others = [a_backup(f"lab-2.{n}", instance="lab-2", begun_at=later(n), **work) for n in range(1, 4)]
    assert ids(to_forget([old, *others], kept=2, days=0, now=later(9))) == ["lab-2.1"]


def test_of_backups_between_which_nothing_changed_the_first_and_the_last_stay_and_take_one_place():
    older = a_backup("alice-0.1", begun_at=later(-9), snapshot="aaaaaaaa")
    first = a_backup("alice-1.1", begun_at=later(0))
    same = [a_backup(f"alice-1.{n}", begun_at=later(n), base=f"alice-1.{n - 1 if n == 4 else 1}") for n in (2, 3, 4)]
    every = [older, first, *same]
    assert ids(to_forget(every, kept=2, days=0, now=later(9))) == ["alice-1.3", "alice-1.2"]
    assert "alice-0.1" in ids(to_forget(every, kept=1, days=0, now=later(9)))


def test_a_backup_of_what_changed_takes_a_place_of_its_own():
    changed = a_backup("alice-1.2", begun_at=later(2), base="alice-1.1", snapshot="bbbbbbbb")
    assert ids(to_forget([a_backup(), changed], kept=1, days=0, now=later(9))) == ["alice-1.1"]


def test_a_backup_is_deleted_by_its_age_the_last_one_as_well():
    old = a_backup(begun_at=NOW - timedelta(days=31))
    assert to_forget([old], kept=5, days=30, now=NOW) == [old]
    assert to_forget([old], kept=5, days=0, now=NOW) == []


def test_backups_that_do_not_count_take_no_place_of_those_that_do():
    failed = [a_backup(f"alice-{n}.1", begun_at=later(n), state=BackupState.FAILED) for n in range(1, 4)]
    assert to_forget([a_backup(), *failed], kept=1, days=0, now=later(9)) == []


@pytest.mark.parametrize("state", [BackupState.WRITING, BackupState.WRITTEN, BackupState.FAILED])
def test_what_did_not_count_for_a_month_is_forgotten_whatever_became_of_its_run(state):
    left = a_backup(state=state, state_since=NOW)
    assert to_forget([left], kept=5, days=0, now=later(30 * DAY)) == []
    assert to_forget([left], kept=5, days=0, now=later(30 * DAY + 1)) == [left]
    check_backup_move(left.id, state, BackupState.FORGOTTEN)


def test_why_a_backup_is_forgotten_that_never_counted_tells_what_went_wrong():
    assert why_forgotten(a_backup(state=BackupState.FAILED, reason="too much")) == "it never counted: too much"
