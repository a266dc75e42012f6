"""Of which backups all is read back, and which are compared with one that was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pool.backups.backup import Backup
from pool.backups.reading_back import FRESH, SHARE_SECONDS, SHARES, SMALL, said_of, share_to_read, to_compare_with
from pool.backups.states import BackupCause, BackupState
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

NEW = Backup(
    "alice-1.3", "alice-1", "main", "jupyter", "alice", BackupCause.SCHEDULED, BackupState.WRITTEN, NOW, NOW, size=SMALL
)
READ = replace(NEW, id="alice-1.1", state=BackupState.VERIFIED, reason=said_of(None), begun_at=NOW - timedelta(hours=2))


def test_a_large_backup_is_compared_with_one_that_was_read_today_whatever_was_told_of_it():
    assert to_compare_with(NEW, [NEW, READ], NOW) == READ
    told = replace(READ, reason=said_of(None, "but sync, the command before it, ended with exit code 1"))
    assert to_compare_with(NEW, [NEW, told], NOW) == told


def test_of_several_the_newest_is_taken():
    newer = replace(READ, id="alice-1.2", begun_at=NOW - timedelta(hours=1))
    assert to_compare_with(NEW, [READ, newer], NOW) == newer


@pytest.mark.parametrize(
    "other",
    [
        replace(READ, state_since=NOW - FRESH),
        replace(READ, state=BackupState.FAILED),
        replace(READ, reason=said_of(READ)),
        replace(READ, reason=said_of(READ, "but sync failed")),
    ],
    ids=["read a day ago", "counts no more", "was compared itself", "was compared itself, and more is told"],
)
def test_all_of_a_backup_is_read_where_none_was_read_whole_today(other):
    assert to_compare_with(NEW, [NEW, other], NOW) is None


def test_all_of_a_small_backup_is_read():
    assert to_compare_with(replace(NEW, size=SMALL - 1), [READ], NOW) is None


def test_how_a_backup_was_read_back_is_its_reason():
    assert said_of(None, "but sync failed") == "read back; but sync failed"
    assert said_of(READ) == "its new parts were read back, as the others were with alice-1.1"


def test_each_share_of_the_repository_is_read_once_in_thirty_days():
    month = [share_to_read(NOW + timedelta(seconds=turn * SHARE_SECONDS)) for turn in range(SHARES)]
    assert sorted(month) == [*range(1, SHARES + 1)]
    assert timedelta(seconds=SHARES * SHARE_SECONDS) == timedelta(days=30)
