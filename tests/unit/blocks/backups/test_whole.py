"""All that a session had comes out of a backup, on however many others it stands."""

from functools import partial

import pytest

from blocks.backups.changes_tar import changes_tar
from blocks.backups.tar_stream import END
from blocks.backups.whole import _members, whole
from blocks.backups.work_tar import Counted, kept_tar
from pool.backups.backup import Backup
from pool.backups.changes import Changes
from pool.backups.states import BackupTrouble
from pool.errors import NotFound
from pool.records import KeptWork
from pool.sessions.containers import own_uid
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeFile, files_of
from tests.rigs.pool_data import a_backup
from tests.unit.blocks.backups.test_changes_tar import read

pytestmark = pytest.mark.unit

KEEP = KeptWork(("/home",))


class Kept:
    """Backups of alice's sessions, one after the other."""

    def __init__(self) -> None:
        self.repository, self.records = FakeRepository(), dict[str, Backup]()

    def write(self, name: str, tar, base: str = "") -> None:
        written = self.repository.write(name, tar)
        self.records[name] = a_backup(name, snapshot=written.snapshot, digest=written.digest, base=base)

    def all(self, name: str, files: dict[str, HomeFile]) -> None:
        self.write(name, kept_tar(read(files), KEEP))

    def change(self, name: str, base: str, files: dict[str, HomeFile], **changes) -> None:
        self.write(name, changes_tar(read(files), KEEP, Changes(**changes), Counted()), base)

    def same(self, name: str, base: str) -> None:
        of = self.records[base]
        self.records[name] = a_backup(name, snapshot=of.snapshot, digest=of.digest, base=base)

    def files(self, name: str) -> dict[str, HomeFile]:
        return files_of(whole(self.repository, self.records[name], self.records.__getitem__))


@pytest.fixture
def kept():
    kept = Kept()
    kept.all("alice-1.1", {"home/a": HomeFile(b"a"), "home/b": HomeFile(b"b")})
    return kept


def test_each_of_backups_that_stand_on_each_other_gives_all_of_its_moment(kept):
    kept.change("alice-1.2", "alice-1.1", {"home/a": HomeFile(b"2")}, fetched=(b"home/a",))
    kept.same("alice-1.3", "alice-1.2")
    kept.change("alice-1.4", "alice-1.3", {"home/c": HomeFile(b"c")}, fetched=(b"home/c",), gone=(b"home/b",))
    assert kept.files("alice-1.1") == {"home/a": HomeFile(b"a"), "home/b": HomeFile(b"b")}
    assert kept.files("alice-1.2") == kept.files("alice-1.3") == {"home/a": HomeFile(b"2"), "home/b": HomeFile(b"b")}
    assert kept.files("alice-1.4") == {"home/a": HomeFile(b"2"), "home/c": HomeFile(b"c")}


@pytest.mark.parametrize("held", [1, 4000, 1 << 20])  # nothing, the last of them, all
def test_what_changed_is_the_same_whether_it_is_held_or_read_twice_and_is_held_where_there_is_room(
    kept, held, monkeypatch
):
    kept.change("alice-1.2", "alice-1.1", {"home/a": HomeFile(b"2")}, fetched=(b"home/a",))
    kept.change("alice-1.3", "alice-1.2", {"home/b": HomeFile(b"3")}, fetched=(b"home/b",))
    read = []
    monkeypatch.setattr(kept.repository, "_meet_trouble", lambda: read.append(1))
    room = partial(_members, room=held)
    tar = room(kept.repository, kept.records["alice-1.3"], kept.records.__getitem__, lambda _info: True)
    assert files_of([*tar, bytes(END)]) == {"home/a": HomeFile(b"2"), "home/b": HomeFile(b"3")}
    assert len(read) == {1: 5, 4000: 4, 1 << 20: 3}[held]


def test_files_of_an_earlier_session_are_the_later_ones_in_its_backup():
    first, later = (HomeFile(b"a", uid=own_uid(name)) for name in ("alice-1", "alice-2"))
    kept = Kept()
    kept.all("alice-1.1", {"home/a": first})
    kept.same("alice-2.1", "alice-1.1")
    kept.change("alice-2.2", "alice-1.1", {"home/b": later}, fetched=(b"home/b",))
    assert kept.files("alice-2.1") == {"home/a": later}
    assert kept.files("alice-2.2") == {"home/a": later, "home/b": later}


@pytest.mark.parametrize("spoiled", ["alice-1.1", "alice-1.2"])
def test_where_any_of_them_is_not_what_was_written_it_is_trouble(kept, spoiled):
    kept.change("alice-1.2", "alice-1.1", {"home/a": HomeFile(b"2")}, fetched=(b"home/a",))
    snapshot = kept.records[spoiled].snapshot
    kept.repository.streams[snapshot] += b"x"
    with pytest.raises(BackupTrouble, match=f"what is in backup {spoiled} is not what was written"):
        kept.files("alice-1.2")


def test_what_stands_on_a_backup_that_is_on_record_no_more_is_not_given_in_part(kept):
    kept.change("alice-1.2", "alice-1.1", {}, gone=(b"home/a",))
    with pytest.raises(NotFound):
        b"".join(whole(kept.repository, kept.records["alice-1.2"], _not_there))


def _not_there(backup_id: str) -> Backup:
    raise NotFound(backup_id)
