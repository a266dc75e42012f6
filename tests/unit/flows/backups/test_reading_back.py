"""A backup counts when it was read back: all of it, or what is new in a large one that is read back every day."""

import asyncio

import pytest

from flows.backups.backup_instance import backup_instance
from pool.backups.backup import Backup
from pool.backups.states import BackupState, BackupTrouble
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeFile
from tests.rigs.kept_work import Killed, counting, dying

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch):
    monkeypatch.setattr("pool.backups.reading_back.SMALL", 0)


def backed_up(world) -> Backup:
    with world.process():
        asyncio.run(backup_instance.fn("alice-1"))
    return world.store.backups.of_instance("alice-1")[0]


def test_of_the_next_backup_of_a_day_what_is_new_is_read(world):
    backed_up(world)
    world.home("alice-1").files["home/other"] = HomeFile(b"later")
    assert backed_up(world).reason == "its new parts were read back, as the others were with alice-1.1"
    assert (counting(world), len(world.backups.parts_read)) == (["alice-1.2", "alice-1.1"], 1)


def test_a_day_after_all_was_read_all_of_a_backup_is_read_again(world):
    backed_up(world)
    world.clock.pass_by(12 * 3600)
    assert "new parts" in backed_up(world).reason
    world.clock.pass_by(12 * 3600)
    assert backed_up(world).reason == "read back"


def test_where_the_new_parts_are_trouble_reading_all_of_it_decides(world, monkeypatch):
    def trouble(_self, snapshot):
        raise BackupTrouble(f"the index of {snapshot} is gone")

    backed_up(world)
    monkeypatch.setattr(FakeRepository, "parts", trouble)
    assert (backed_up(world).reason, len(counting(world))) == ("read back", 2)
    monkeypatch.setattr(FakeRepository, "read", trouble)
    assert backed_up(world).state is BackupState.FAILED
    assert counting(world) == ["alice-1.2", "alice-1.1"]


def test_a_process_that_dies_while_it_reads_new_parts_leaves_a_backup_that_does_not_count(world, monkeypatch):
    def dies(_self, _name):
        world.prefect.steps_left = 0
        raise Killed

    backed_up(world)
    world.home("alice-1").files["home/other"] = HomeFile(b"later")
    with dying(), monkeypatch.context() as patch:
        patch.setattr(FakeRepository, "read_part", dies)
        backed_up(world)
    assert world.store.backups.get("alice-1.2").state is BackupState.WRITTEN
    assert backed_up(world).attempts == 2
    assert counting(world) == ["alice-1.2", "alice-1.1"]
