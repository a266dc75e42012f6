"""The rotation of the backups' key: whatever dies in between, the key that is stored opens the repository."""

import asyncio

import pytest

from blocks.outside import standing_in
from blocks.stored.backup_store import BackupPlace
from flows.housekeeping.rotate_secrets import rotate_secrets
from pool.backups.states import BackupTrouble
from pool.keys.rotation import RotatedKey
from tests.rigs.fakes import FakeBlocks, FakePrefect, FakeRepository, fake_outside
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class Died(BaseException):
    """The process was killed."""


class LockedBox(FakeRepository):
    """A repository that is opened by some keys; dies before or after it changes them."""

    def __init__(self, stored) -> None:
        super().__init__()
        self.stored, self.keys, self.dies = stored, {"first", "in a safe"}, ""

    def accept_keys(self) -> None:
        place = self.stored.backup_place()
        words = [one.get_secret_value() for one in (place.key, place.next, place.previous)]
        self._die("before")
        self._meet_trouble()
        assert words[0] in self.keys
        self.keys = self.keys | {words[1]} if words[1] else self.keys - {words[2]}
        self._die("after")

    def _die(self, when: str) -> None:
        if self.dies == when:
            self.dies = ""
            raise Died


class Installation:
    def __init__(self, folder) -> None:
        self.store = new_store(folder)
        self.stored = FakeBlocks({BackupPlace: {"main": BackupPlace(key="first", location="/srv/backups")}})
        self.box = LockedBox(self.stored)

    def rotate(self, retire: bool = False, what: tuple = (RotatedKey.BACKUPS,)):
        ports = {"store": self.store, "stored": self.stored, "backups": self.box, "prefect": FakePrefect()}
        with standing_in(fake_outside(**ports)):
            return asyncio.run(rotate_secrets.fn(list(what), retire, confirmed=True))

    @property
    def key(self) -> str:
        return self.stored.backup_place().key.get_secret_value()


@pytest.fixture
def one(tmp_path):
    one = Installation(tmp_path)
    yield one
    one.store.close()


def test_the_new_key_is_in_use_and_the_one_before_opens_all_until_it_is_retired(one):
    said = one.rotate().message
    assert said == "backup-key: the new one is in use, and the one before is taken too until it is retired"
    assert one.box.keys == {"first", "in a safe", one.key}
    new = one.key
    one.rotate()  # an operator who is not sure repeats it
    assert one.key == new != "first"
    one.rotate(retire=True)
    assert (one.box.keys, one.key) == ({"in a safe", new}, new)
    assert one.stored.backup_place().location == "/srv/backups"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("retire", [False, True])
def test_a_rotation_that_died_at_the_repository_is_ended_by_the_next_and_the_stored_key_opens_it(one, when, retire):
    if retire:
        one.rotate()
    one.box.dies = when
    with pytest.raises(Died):
        one.rotate(retire)
    assert one.key in one.box.keys
    assert one.rotate(retire).is_completed()
    assert one.box.keys - {"in a safe"} == ({one.key} if retire else {"first", one.key})


def test_a_repository_that_is_away_leaves_the_old_key_in_use_and_says_what_to_do(one):
    one.box.troubles = [BackupTrouble("the store is away")]
    assert "backup-key: the store is away" in one.rotate().message
    assert one.key == "first"
    assert one.rotate().is_completed()
    assert one.key in one.box.keys - {"first"}
