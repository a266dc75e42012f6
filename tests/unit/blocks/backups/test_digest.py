"""What is new in a backup is read back, and held to what was written."""

from datetime import UTC, datetime

import pytest

from blocks.backups.digest import MOST_PARTS, new_parts_read
from pool.backups.backup import Backup
from pool.backups.states import BackupCause, BackupFault, BackupState, BackupTrouble
from tests.rigs.fakes import FakeRepository

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PART = 10
HOME = bytes(range(250))


@pytest.fixture
def repository():
    repository = FakeRepository()
    repository.part = PART
    return repository


def kept(repository, number: int, data: bytes) -> Backup:
    written, name = repository.write(f"alice-1.{number}", [data]), f"alice-1.{number}"
    facts = {"size": written.size, "digest": written.digest, "snapshot": written.snapshot}
    cause, state = BackupCause.SCHEDULED, BackupState.WRITTEN
    return Backup(name, "alice-1", "main", "jupyter", "alice", cause, state, NOW, NOW, **facts)


def test_only_what_is_new_is_read(repository):
    known, backup = kept(repository, 1, HOME), kept(repository, 2, HOME + b"a new part")
    assert new_parts_read(repository, backup, known)
    assert len(repository.parts_read) == 1


def test_of_what_did_not_change_nothing_is_read(repository):
    assert new_parts_read(repository, kept(repository, 2, HOME), kept(repository, 1, HOME))
    assert repository.parts_read == []


def test_where_much_is_new_the_parts_are_not_read_one_by_one(repository):
    known, backup = kept(repository, 1, b""), kept(repository, 2, HOME[: PART * (MOST_PARTS + 1)])
    assert not new_parts_read(repository, backup, known)
    assert repository.parts_read == []


def test_a_new_part_that_is_not_what_its_name_says_is_trouble(repository, monkeypatch):
    known, backup = kept(repository, 1, HOME), kept(repository, 2, HOME + b"a new part")
    monkeypatch.setattr(FakeRepository, "read_part", lambda _self, _name: b"rotten")
    with pytest.raises(BackupTrouble, match=r"a part of backup alice-1.2 is not what was written") as caught:
        new_parts_read(repository, backup, known)
    assert caught.value.fault is BackupFault.DIFFERS


def test_a_backup_that_is_shorter_than_what_was_written_is_trouble(repository):
    known, backup = kept(repository, 1, HOME), kept(repository, 2, HOME)
    repository.streams[backup.snapshot] = HOME[:-1]
    with pytest.raises(BackupTrouble, match="not as long as what was written"):
        new_parts_read(repository, backup, known)


def test_what_it_is_compared_with_may_be_gone(repository):
    known, backup = kept(repository, 1, HOME), kept(repository, 2, HOME)
    del repository.streams[known.snapshot]
    with pytest.raises(BackupTrouble, match="there is no snapshot"):
        new_parts_read(repository, backup, known)
