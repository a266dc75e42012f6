"""Which commands restic gets: a script stands in for it that notes them."""

import hashlib

import pytest

from blocks.backups.restic import ResticRepository
from blocks.stored.backup_store import BackupPlace
from pool.backups.states import BackupFault, BackupTrouble
from tests.rigs.fakes import FakeBlocks, FakePlaces

pytestmark = pytest.mark.unit

SNAPSHOT = "a1b2c3d4" + "0" * 56
SCRIPT = f"""#!/bin/sh
here="${{0%/*}}"
echo "$2" >> "$here/commands"
[ "$2" = unlock ] && rm -f "$here/locked"
[ "$2" = backup ] && [ -e "$here/locked" ] && echo "repository is already locked by PID 7" >&2 && exit 1
[ "$2" = dump ] && [ -e "$here/trouble" ] && cat "$here/trouble" >&2 && exit 1
[ "$2" = check ] && [ -e "$here/checked" ] && cat "$here/checked" >&2 && exit 1
[ "$2" = cat ] && [ -e "$here/away" ] && echo "unable to open config file" >&2 && exit 1
cat > "$here/given"
[ "$2" = backup ] && echo '{{"message_type": "summary", "snapshot_id": "{SNAPSHOT}"}}'
[ "$2" = snapshots ] && echo '[{{"id": "{SNAPSHOT}", "time": "2026-01-05T08:00:00.123456789Z", "tags": ["alice-1.1"]}}]'
exit 0
"""


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """What restic was called for, in order."""
    script = tmp_path / "restic"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    noted = tmp_path / "commands"
    return lambda: noted.read_text().split() if noted.exists() else []


@pytest.fixture
def places():
    return FakePlaces()


@pytest.fixture
def repository(tmp_path, places):
    blocks = FakeBlocks({BackupPlace: {"main": BackupPlace(key="k")}})
    return ResticRepository(blocks, tmp_path / "backups", "dd-test", places)


def test_a_backup_is_one_command_where_nothing_is_in_its_way(repository, commands):
    assert repository.write("alice-1.1", [b"work"]).snapshot == SNAPSHOT
    assert commands() == ["backup"]


@pytest.mark.parametrize("chunks", [[b"work"], [b"a" * (1 << 20), b"b" * (1 << 20), b"c" * (1 << 20)]])
def test_what_a_killed_deletion_locked_is_unlocked_and_the_backup_is_given_from_its_beginning(
    repository, commands, tmp_path, chunks
):
    (tmp_path / "locked").touch()
    written = repository.write("alice-1.1", iter(chunks))
    assert commands() == ["backup", "unlock", "backup"]
    assert (tmp_path / "given").read_bytes() == b"".join(chunks)
    assert written.digest == hashlib.sha256(b"".join(chunks)).hexdigest()


@pytest.mark.usefixtures("commands")
def test_a_place_that_has_a_repository_is_remembered(repository, places, tmp_path):
    repository.write("alice-1.1", [b"work"])
    assert "where one was" in places.why_none_is_made(f"{tmp_path}/backups")


def test_where_nothing_is_to_be_forgotten_restic_is_asked_nothing(repository, commands):
    repository.forget([])
    assert commands() == []


def test_what_is_not_listed_is_not_forgotten_and_locks_nothing(repository, commands):
    repository.forget(["ffffffff"])
    assert commands() == ["snapshots"]


def test_what_is_forgotten_is_pruned_in_the_end_once_whatever_its_number(repository, commands, monkeypatch):
    names = [f"{number:064}" for number in range(5)]
    monkeypatch.setattr(ResticRepository, "snapshots", lambda _: dict.fromkeys(names))
    monkeypatch.setattr("blocks.backups.restic.FORGET_AT_ONCE", 2)
    repository.forget([*names, "ffffffff"])
    assert commands() == ["unlock", "forget", "forget", "forget", "prune"]


#: What restic 0.14 says of a file that was damaged, lost in a directory, lost on S3, or cut short.
DAMAGED = "cannot dump file: decrypting blob 3cb4a668 failed: ciphertext verification failed"
ZEROED = "cannot dump file: decrypting blob 7871e589 failed: nonce is invalid"
LOST = "cannot dump file: ReadFull(<data/fbbe3f15c6>): open /b/data/fb/fbbe3f15: no such file or directory"
LOST_ON_S3 = "cannot dump file: ReadFull(<data/fbbe3f15c6>): The specified key does not exist."
CUT_SHORT = "cannot dump file: ReadFull(<data/fbbe3f15c6>): unexpected EOF"
#: What later ones say: of a short file in a store that answers by HTTP (0.18.1, issue 21953 of restic/restic), once
#: more of one that failed before (0.17, `internal/backend/retry`), and of parts that are damaged (0.17, issue 5220).
OUT_OF_BOUNDS = (
    "Load(<data/fbbe3f15c6>, 587501, 12096181) failed: unexpected HTTP response (416): partial out of bounds read"
)
FAILED_BEFORE = "cannot dump file: circuit breaker open for file <data/fbbe3f15c6>"
OTHER_DATA = "read blob <data/637f7c61> from 21d3e320: wrong data returned, hash is 9f959b90"
NOT_UNPACKED = "decompressing blob <data/637f7c61> from 21d3e320 failed: invalid input: magic number mismatch"
OF_SIZES = """pack 98d36c3049cc{n}: unexpected file size: got 3, expected 7
pack fbbe3f15c6aa{n}: unexpected file size: got 1000, expected 12584164
Fatal: repository contains errors""".format(n="0" * 52)
OF_ANOTHER = OF_SIZES.replace("fbbe3f15c6", "fbbe3f15c7")
REFUSED = "Load(<data/fbbe3f15c6>): dial tcp 10.0.0.2:443: connection refused"
NOT_MOUNTED = "Fatal: unable to open config file: stat /b/config: no such file or directory"


def fault_of(repository) -> BackupFault:
    with pytest.raises(BackupTrouble) as found:
        b"".join(repository.read(SNAPSHOT))
    return found.value.fault


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("said", [DAMAGED, ZEROED, LOST, LOST_ON_S3, OTHER_DATA, NOT_UNPACKED])
def test_a_part_that_is_damaged_or_lost_spoils_a_backup_unless_all_of_the_repository_is_gone(
    repository, tmp_path, said
):
    (tmp_path / "trouble").write_text(said)
    assert fault_of(repository) is BackupFault.SPOILED
    (tmp_path / "away").touch()
    assert fault_of(repository) is BackupFault.REPOSITORY


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("said", [CUT_SHORT, OUT_OF_BOUNDS, FAILED_BEFORE])
def test_a_part_in_a_file_that_is_shorter_than_the_index_says_spoils_a_backup(repository, tmp_path, said):
    (tmp_path / "trouble").write_text(said)
    (tmp_path / "checked").write_text(OF_SIZES)
    with pytest.raises(BackupTrouble, match=r"pack fbbe3f15c6.*: got 1000, expected 12584164$") as found:
        b"".join(repository.read(SNAPSHOT))
    assert found.value.fault is BackupFault.SPOILED


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("said_of_sizes", ["", OF_ANOTHER, REFUSED, NOT_MOUNTED])
def test_a_connection_that_breaks_off_spoils_no_backup_whatever_else_is_short(repository, tmp_path, said_of_sizes):
    (tmp_path / "trouble").write_text(CUT_SHORT)
    (tmp_path / "checked").write_text(said_of_sizes)
    assert fault_of(repository) is BackupFault.REPOSITORY


def test_sizes_are_looked_at_where_a_file_is_named_alone(repository, tmp_path, commands):
    (tmp_path / "trouble").write_text("dial tcp: connection refused")
    assert fault_of(repository) is BackupFault.REPOSITORY
    assert commands() == ["dump"]


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize("said", [CUT_SHORT, OUT_OF_BOUNDS, REFUSED, NOT_MOUNTED, "dial tcp: connection refused"])
def test_what_may_be_readable_the_next_time_spoils_no_backup(repository, tmp_path, said):
    (tmp_path / "trouble").write_text(said)
    assert fault_of(repository) is BackupFault.REPOSITORY
