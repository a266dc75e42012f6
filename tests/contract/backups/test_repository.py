"""One suite for every repository of backups: a real restic's, and the fake that tests and simulator use."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blocks.backups.restic import ResticRepository
from blocks.stored.backup_store import BackupPlace
from pool.backups.states import BackupTrouble
from tests.rigs.fakes import FakeBlocks, FakeRepository

pytestmark = pytest.mark.contract

WORK = [random.Random(5).randbytes(1 << 20)] * 3


def restic(folder, key="a key") -> ResticRepository:
    place = BackupPlace(key=key)
    return ResticRepository(FakeBlocks({BackupPlace: {"main": place}}), folder / "backups", "dd-test")


@pytest.fixture(params=["restic", "fake"])
def repository(request, tmp_path):
    return restic(tmp_path) if request.param == "restic" else FakeRepository()


def opens(folder, key) -> bool:
    try:
        return bool(restic(folder, key).snapshots())
    except BackupTrouble as trouble:
        assert "wrong password" in str(trouble)
        return False


def with_keys(folder, **keys) -> ResticRepository:
    """As the block has its keys at one step of a rotation."""
    blocks = FakeBlocks({BackupPlace: {"main": BackupPlace(**keys)}})
    return ResticRepository(blocks, folder / "backups", "dd-test")


def test_a_next_key_opens_what_was_written_before_and_is_added_once(tmp_path):
    written = restic(tmp_path).write("alice-1.1", WORK)
    for _ in range(2):
        with_keys(tmp_path, key="a key", next="new").accept_keys()
    assert b"".join(restic(tmp_path, "new").read(written.snapshot)) == b"".join(WORK)
    assert opens(tmp_path, "a key")
    assert len(list((tmp_path / "backups" / "keys").iterdir())) == 2


def test_the_key_before_opens_nothing_once_it_is_retired_and_an_operators_own_key_stays(tmp_path):
    written = restic(tmp_path).write("alice-1.1", WORK)
    for key in ("new", "in a safe"):
        with_keys(tmp_path, key="a key", next=key).accept_keys()
    for _ in range(2):
        with_keys(tmp_path, key="new", previous="a key").accept_keys()
    assert [opens(tmp_path, key) for key in ("a key", "new", "in a safe")] == [False, True, True]
    assert b"".join(restic(tmp_path, "new").read(written.snapshot)) == b"".join(WORK)


def test_a_repository_that_was_not_made_yet_needs_no_key(tmp_path):
    with_keys(tmp_path, key="a key", next="new").accept_keys()
    with_keys(tmp_path, key="new", previous="a key").accept_keys()
    assert not (tmp_path / "backups").exists()


def test_a_key_that_does_not_open_the_repository_takes_no_other_away(tmp_path):
    restic(tmp_path).write("alice-1.1", WORK)
    with pytest.raises(BackupTrouble, match="wrong password"):
        with_keys(tmp_path, key="mistyped", previous="a key").accept_keys()
    assert opens(tmp_path, "a key")


def test_what_was_written_is_read_back(repository):
    written = repository.write("alice-1.1", WORK)
    assert written.size == 3 << 20
    assert b"".join(repository.read(written.snapshot)) == b"".join(WORK)


def test_a_stream_that_breaks_off_is_no_snapshot(repository):
    def breaks():
        yield WORK[0]
        raise OSError("the engine is gone")

    with pytest.raises(OSError, match="the engine is gone"):
        repository.write("alice-1.1", breaks())
    assert repository.snapshots() == {}


def test_a_snapshot_that_is_forgotten_is_gone_and_may_be_forgotten_again(repository):
    gone, stays = (repository.write(name, WORK).snapshot for name in ("alice-1.1", "alice-2.1"))
    whole = [name for name in repository.snapshots() if name.startswith(gone)]
    repository.forget(whole)
    repository.forget([*whole, "f" * 64, ""])
    assert [name.startswith(stays) for name in repository.snapshots()] == [True]
    with pytest.raises(BackupTrouble):
        b"".join(repository.read(gone))
    assert b"".join(repository.read(stays)) == b"".join(WORK)


def test_a_snapshot_is_listed_by_its_whole_name_with_the_backup_that_it_is_of(repository):
    written = repository.write("alice-1.1", WORK)
    [(name, listed)] = repository.snapshots().items()
    assert (len(name), name.startswith(written.snapshot), listed.backup) == (64, True, "alice-1.1")


def test_a_snapshot_is_forgotten_by_its_whole_name_as_well(repository):
    repository.write("alice-1.1", WORK)
    repository.forget([*repository.snapshots()])
    assert repository.snapshots() == {}


def test_the_same_again_takes_hardly_any_room(tmp_path):
    repository = restic(tmp_path)
    home = random.Random(6).randbytes(12 << 20)
    repository.write("alice-1.1", [home])
    before = used(tmp_path)
    repository.write("alice-1.2", [b"a little more", home])
    assert used(tmp_path) - before < 4 << 20


def used(folder) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_nothing_can_be_read_without_the_key(tmp_path):
    snapshot = restic(tmp_path).write("alice-1.1", WORK).snapshot
    with pytest.raises(BackupTrouble, match="wrong password or no key"):
        b"".join(restic(tmp_path, "another key").read(snapshot))
    assert not any(WORK[0][:64] in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_spoiled_file_of_the_repository_is_noticed(tmp_path):
    repository = restic(tmp_path)
    snapshot = repository.write("alice-1.1", WORK).snapshot
    pack = max((tmp_path / "backups" / "data").rglob("*"), key=lambda file: file.is_file() and file.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(bytes(pack.stat().st_size))
    with pytest.raises(BackupTrouble, match=f"could not read snapshot {snapshot}"):
        b"".join(repository.read(snapshot))


def test_no_secret_stands_in_the_arguments_or_the_environment_of_a_process(tmp_path):
    repository, seen = restic(tmp_path, "a-secret-key"), []

    def stream():
        yield WORK[0]
        children = subprocess.check_output(["pgrep", "-P", str(os.getpid()), "restic"], text=True).split()
        seen.extend(Path(f"/proc/{child}/{name}").read_bytes() for child in children for name in ("cmdline", "environ"))

    repository.write("alice-1.1", stream())
    assert seen
    assert not any(b"a-secret-key" in text for text in seen)


DIES = """
import os, sys
from pathlib import Path
from tests.contract.backups.test_repository import WORK, restic
def stream():
    yield WORK[0]
    os.kill(os.getpid(), 9)
restic(Path(sys.argv[1])).write("alice-1.1", stream())
"""


def test_the_lock_of_a_process_that_died_keeps_none_from_working(tmp_path):
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    repository = restic(tmp_path)
    deadline = time.monotonic() + 10
    while not repository.snapshots() and time.monotonic() < deadline:
        time.sleep(0.1)  # restic takes the end of its input for the end of the file
    half = [*repository.snapshots()]
    written = repository.write("alice-1.1", WORK)
    repository.forget(half)
    assert [name.startswith(written.snapshot) for name in repository.snapshots()] == [True]


def test_a_manager_without_restic_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupTrouble, match="apt-get install restic"):
        restic(tmp_path).write("alice-1.1", WORK)


def test_a_store_that_does_not_answer_is_named(tmp_path):
    place = BackupPlace(key="k", location=f"{tmp_path}/file/below")
    (tmp_path / "file").write_text(json.dumps({}))
    repository = ResticRepository(FakeBlocks({BackupPlace: {"main": place}}), tmp_path, "dd-test")
    with pytest.raises(BackupTrouble, match="restic could not"):
        repository.write("alice-1.1", WORK)
