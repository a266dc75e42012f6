"""One suite for every repository of backups: a real restic's, in a directory and on S3, and the fake of the tests."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.backups import quick_key
from blocks.backups.restic import ResticRepository
from blocks.stored.backup_store import BackupPlace
from pool.backups.states import BackupFault, BackupTrouble
from tests.rigs.fakes import FakeBlocks, FakePlaces, FakeRepository
from tests.rigs.ports import free_port
from tests.rigs.quick_repository import make_quick, quick_repository
from tests.rigs.s3.store import s3_store
from tests.rigs.waiting import until

pytestmark = pytest.mark.contract

RANDOM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm1234"  # in the form of 32 random bytes
WORK = [random.Random(5).randbytes(1 << 20)] * 3
Place = dict[str, str]  # fields of the block


def in_folder(folder) -> Place:
    """A place on this machine."""
    return {"location": str(folder / "backups")}


def made_in(folder) -> Place:
    """A place on this machine with an empty repository, which "a key" opens at once."""
    make_quick(folder / "backups", "a key")
    return in_folder(folder)


def restic(place: Place, key="a key", stall=900, places=None, **keys) -> ResticRepository:
    """The repository at a place, by these keys of the block: as at one step of a rotation."""
    block = BackupPlace(**place, key=key, **keys)
    blocks = FakeBlocks({BackupPlace: {"main": block}})
    return ResticRepository(blocks, Path("/nowhere"), "dd-test", places or FakePlaces(), stall)


@pytest.fixture(scope="module")
def store():
    """A real S3 store."""
    with s3_store() as store:
        yield store


@pytest.fixture(params=["a directory", "S3"])
def new_place(request, tmp_path) -> Place:
    """Where restic is to make its repository; a new one for each test."""
    return in_folder(tmp_path) if request.param == "a directory" else request.getfixturevalue("store").place(a_bucket())


@pytest.fixture(params=["a directory", "S3"])
def place(request, tmp_path) -> Place:
    """Where an empty repository is, which "a key" opens; a new one for each test."""
    return made_on_s3(request) if request.param == "S3" else made_in(tmp_path)


@pytest.fixture(params=["restic in a directory", "restic on S3", "fake"])
def repository(request, tmp_path):
    if request.param == "fake":
        return FakeRepository()
    return restic(made_on_s3(request) if request.param.endswith("S3") else made_in(tmp_path))


def made_on_s3(request) -> Place:
    store = request.getfixturevalue("store")
    return store.with_files(a_bucket(), quick_repository("a key"))


def a_bucket() -> str:
    return f"bucket-{uuid4().hex[:12]}"


# Keys are made slow to guess, a second of a core each, and are files of the repository like others.
OF_KEYS = pytest.mark.parametrize(
    "place", ["a directory", pytest.param("S3", marks=pytest.mark.nightly)], indirect=True
)


def opens(place, key) -> bool:
    try:
        return bool(restic(place, key).snapshots())
    except BackupTrouble as trouble:
        assert "wrong password" in str(trouble)
        return False


@OF_KEYS
def test_a_next_key_opens_what_was_written_before_and_is_added_once(place):
    written = restic(place).write("alice-1.1", WORK)
    for _ in range(2):
        restic(place, next="new").accept_keys()
    assert b"".join(restic(place, "new").read(written.snapshot)) == b"".join(WORK)
    assert opens(place, "a key")
    restic(place, "new", previous="a key").accept_keys()  # one removal takes one away: it was not there twice
    assert not opens(place, "a key")


@OF_KEYS
def test_the_key_before_opens_nothing_once_it_is_retired_and_an_operators_own_key_stays(place):
    written = restic(place).write("alice-1.1", WORK)
    for key in ("new", "in a safe"):
        restic(place, next=key).accept_keys()
    for _ in range(2):
        restic(place, "new", previous="a key").accept_keys()
    assert [opens(place, key) for key in ("a key", "new", "in a safe")] == [False, True, True]
    assert b"".join(restic(place, "new").read(written.snapshot)) == b"".join(WORK)


@pytest.mark.parametrize(("key", "is_quick"), [(RANDOM, True), ("in an operator's own words", False)])
def test_a_key_of_our_making_opens_a_directory_at_once_and_one_that_was_chosen_stays_slow_to_guess(
    tmp_path, key, is_quick
):
    written = restic(in_folder(tmp_path), key).write("alice-1.1", WORK)
    assert [opens_at_once(one) for one in keys_in(tmp_path)] == [is_quick]
    assert b"".join(restic(in_folder(tmp_path), key).read(written.snapshot)) == b"".join(WORK)


def test_a_next_key_of_our_making_opens_a_directory_at_once_beside_the_one_before(tmp_path):
    place = made_in(tmp_path)
    restic(place).write("alice-1.1", WORK)
    restic(place, next=RANDOM).accept_keys()
    assert all(opens_at_once(one) for one in keys_in(tmp_path))
    assert opens(place, RANDOM)
    assert opens(place, "a key")


def test_a_process_that_died_before_the_slow_file_of_a_key_went_left_two_that_open_and_both_are_retired(tmp_path):
    place = made_in(tmp_path)
    restic(place).write("alice-1.1", WORK)
    name, content = quick_key.quick_key(master_of(tmp_path), "a key")
    quick_key.placed(tmp_path / "backups", name, content)
    (tmp_path / "backups" / f"new-{name}").write_bytes(b"half of it")  # another one died while it wrote
    restic(place, next="new").accept_keys()
    assert opens(place, "a key")
    restic(place, "new", previous="a key").accept_keys()
    assert not opens(place, "a key")


def master_of(folder) -> dict:
    command = ["restic", "--no-cache", "-r", str(folder / "backups"), "cat", "masterkey"]
    return json.loads(subprocess.check_output(command, env=os.environ | {"RESTIC_PASSWORD": "a key"}))


def opens_at_once(key: dict) -> bool:
    """Whether a key file is not restic's own, which takes as much work as its machine did in half a second."""
    return (key["username"], key["N"]) == ("dockerdriver", quick_key.WORK["N"])


def keys_in(folder) -> list[dict]:
    return [json.loads(file.read_bytes()) for file in (folder / "backups" / "keys").iterdir()]


def test_a_repository_that_was_not_made_yet_needs_no_key(new_place):
    restic(new_place, next="new").accept_keys()
    restic(new_place, "new", previous="a key").accept_keys()
    assert restic(new_place).snapshots() == {}


def test_where_a_repository_was_none_is_made(new_place):
    with pytest.raises(BackupTrouble, match="where one was"):
        restic(new_place, places=FakePlaces(new_place["location"])).write("alice-1.1", WORK)
    assert restic(new_place).snapshots() == {}


@pytest.mark.parametrize("asked", ["accept_keys", "snapshots", "check_share"])
def test_where_a_repository_was_and_none_is_a_look_is_trouble_and_no_key_is_taken_for_accepted(tmp_path, asked):
    place = in_folder(tmp_path)
    repository = restic(place, places=FakePlaces(place["location"]), next="new")
    with pytest.raises(BackupTrouble, match="where one was"):
        getattr(repository, asked)(*((1, 120) if asked == "check_share" else ()))


def test_a_key_that_does_not_open_the_repository_takes_no_other_away(place):
    restic(place).write("alice-1.1", WORK)
    with pytest.raises(BackupTrouble, match="wrong password"):
        restic(place, "mistyped", previous="a key").accept_keys()
    assert opens(place, "a key")


def test_what_was_written_is_read_back(repository):
    written = repository.write("alice-1.1", WORK)
    assert written.size == 3 << 20
    assert b"".join(repository.read(written.snapshot)) == b"".join(WORK)


def test_the_parts_of_a_stream_are_named_by_their_digests_and_make_it_up(repository):
    parts = repository.parts(repository.write("alice-1.1", WORK).snapshot)
    read = [repository.read_part(name) for name in parts.names]
    assert (b"".join(read), parts.size) == (b"".join(WORK), 3 << 20)
    assert [hashlib.sha256(part).hexdigest() for part in read] == [*parts.names]


def test_what_is_not_there_has_no_parts(repository):
    there = repository.write("alice-1.1", WORK).snapshot
    repository.check_there(there)
    absent = "f" * len(there)  # of a whole name, restic asks the store for three quarters of a minute
    with pytest.raises(BackupTrouble):
        repository.check_there(absent)
    with pytest.raises(BackupTrouble):
        repository.parts(absent)
    with pytest.raises(BackupTrouble):
        repository.read_part("f" * 64)


def test_nothing_is_wrong_with_any_share_of_what_was_written_or_where_nothing_was(repository):
    repository.check_share(1, 1)
    repository.write("alice-1.1", WORK)
    for share in (1, 2):
        repository.check_share(share, 2)


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
    repository = restic(made_in(tmp_path))
    home = random.Random(6).randbytes(12 << 20)
    repository.write("alice-1.1", [home])
    before = used(tmp_path)
    repository.write("alice-1.2", [b"a little more", home])
    assert used(tmp_path) - before < 4 << 20


def test_of_a_stream_that_changed_a_little_few_parts_are_new(tmp_path):
    repository, home = restic(made_in(tmp_path)), random.Random(6).randbytes(12 << 20)
    before, after = (repository.parts(repository.write("a", [*new, home]).snapshot) for new in ([], [b"a little more"]))
    assert len({*after.names} - {*before.names}) <= 2 < len(after.names)


def used(folder) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_nothing_can_be_read_without_the_key(tmp_path):
    snapshot = restic(made_in(tmp_path)).write("alice-1.1", WORK).snapshot
    with pytest.raises(BackupTrouble, match="wrong password or no key"):
        b"".join(restic(in_folder(tmp_path), "another key").read(snapshot))
    assert not any(WORK[0][:64] in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_a_spoiled_file_of_the_repository_is_noticed(tmp_path):
    repository = restic(made_in(tmp_path))
    snapshot = repository.write("alice-1.1", WORK).snapshot
    parts = repository.parts(snapshot).names
    pack = max((tmp_path / "backups" / "data").rglob("*"), key=lambda file: file.is_file() and file.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(bytes(pack.stat().st_size))
    with pytest.raises(BackupTrouble, match=f"could not read snapshot {snapshot}") as found:
        b"".join(repository.read(snapshot))
    assert found.value.fault is BackupFault.SPOILED
    with pytest.raises(BackupTrouble, match="could not cat"):
        [repository.read_part(part) for part in parts]
    with pytest.raises(BackupTrouble, match=pack.name[:8]):
        for share in (1, 2):
            repository.check_share(share, 2)


#: restic asks five times, in half a minute, for what ends too soon.
@pytest.mark.parametrize(("where", "left"), [("a directory", 1000), pytest.param("S3", 0, marks=pytest.mark.nightly)])
def test_a_file_of_the_repository_that_is_cut_short_spoils_what_is_in_it(request, tmp_path, where, left):
    written = restic(made_in(tmp_path)).write("alice-1.1", WORK)
    folder = tmp_path / "backups"
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    pack = max((name for name in files if name.startswith("data/")), key=lambda name: len(files[name]))
    (folder / pack).chmod(0o600)
    os.truncate(folder / pack, left)
    place = in_folder(tmp_path)
    if where == "S3":
        place = request.getfixturevalue("store").with_files(a_bucket(), files | {pack: files[pack][:left]})
    with pytest.raises(BackupTrouble, match=f"pack {Path(pack).name}: unexpected file size: got {left}") as found:
        b"".join(restic(place).read(written.snapshot))
    assert found.value.fault is BackupFault.SPOILED


def test_no_secret_stands_in_the_arguments_or_the_environment_of_a_process(place):
    repository, seen = restic(place), list[bytes]()
    secrets = [b"a key", place.get("secret_key", "a key").encode()]

    def stream():
        yield WORK[0]
        children = subprocess.check_output(["pgrep", "-P", str(os.getpid()), "restic"], text=True).split()
        seen.extend(Path(f"/proc/{child}/{name}").read_bytes() for child in children for name in ("cmdline", "environ"))

    repository.write("alice-1.1", stream())
    assert seen
    assert not any(secret in text for text in seen for secret in secrets)


DIES = """
import json, os, subprocess, sys
from tests.contract.backups.test_repository import WORK, restic
def stream():
    yield WORK[0]
    subprocess.run(["pgrep", "-P", str(os.getpid()), "restic"], check=True)
    os.kill(os.getpid(), 9)
restic(json.loads(sys.argv[1])).write("alice-1.1", stream())
"""


def has_ended(process: str) -> bool:
    """Whether it runs no more and its status was taken: until then restic believes that it holds its lock."""
    return not Path(f"/proc/{process}").exists()


def test_the_lock_of_a_process_that_died_keeps_none_from_working(place):
    words = [sys.executable, "-c", DIES, json.dumps(place)]
    (child,) = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    until(lambda: has_ended(child), "restic has taken the end of its input for the end of the file", 60)
    repository = restic(place)
    half = [*repository.snapshots()]
    written = repository.write("alice-1.1", WORK)
    repository.forget(half)
    assert [name.startswith(written.snapshot) for name in repository.snapshots()] == [True]


def test_a_store_that_dies_half_way_through_a_backup_and_comes_back_has_all_of_it(store):
    repository = restic(store.with_files(a_bucket(), quick_repository("a key")))
    home = [random.Random(number).randbytes(1 << 20) for number in range(40)]  # several of restic's packs

    def stream():
        for number, chunk in enumerate(home):
            if number == len(home) // 2:
                store.kill()
                store.start()
            yield chunk

    written = repository.write("alice-1.1", stream())
    assert b"".join(repository.read(written.snapshot)) == b"".join(home)


def test_a_store_that_stops_answering_half_way_through_a_backup_is_given_up(store):
    repository = restic(store.place(f"bucket-{uuid4().hex[:12]}"), stall=5)

    def stream():
        for number in range(200):
            if number == 20:
                store.freeze()
            yield random.Random(number).randbytes(1 << 20)

    try:
        with pytest.raises(BackupTrouble, match="stood still for too long"):
            repository.write("alice-1.1", stream())
    finally:
        store.thaw()
    assert repository.snapshots() == {}


def test_a_store_that_refuses_the_key_is_told_and_nothing_counts(store):
    refused = store.place("a-bucket") | {"secret_key": "mistyped"}
    with pytest.raises(BackupTrouble, match="restic could not"):
        restic(refused).write("alice-1.1", WORK)


@pytest.mark.parametrize("asked", ["accept_keys", "snapshots", "check_share"])
def test_a_store_that_does_not_answer_is_not_taken_for_one_without_a_repository(asked):
    away = {"location": f"s3:http://127.0.0.1:{free_port()}/bucket/sessions", "access_key": "a", "secret_key": "s"}
    with pytest.raises(BackupTrouble, match="connection refused"):
        getattr(restic(away, next="new"), asked)(*(1, 120) if asked == "check_share" else ())


def test_a_manager_without_restic_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupTrouble, match="apt-get install restic"):
        restic(in_folder(tmp_path)).write("alice-1.1", WORK)


def test_a_store_that_does_not_answer_is_named(tmp_path):
    place = BackupPlace(key="k", location=f"{tmp_path}/file/below")
    (tmp_path / "file").write_text(json.dumps({}))
    repository = ResticRepository(FakeBlocks({BackupPlace: {"main": place}}), tmp_path, "dd-test", FakePlaces())
    with pytest.raises(BackupTrouble, match="restic could not"):
        repository.write("alice-1.1", WORK)
