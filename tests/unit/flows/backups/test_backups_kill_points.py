"""Processes that die inside of a step: just before, and just after, each thing that it writes outside."""

import asyncio
import hashlib
from functools import partial

import pytest

from flows.backups.restore_files import restore_files
from flows.steps import sessions
from pool.backups.states import BackupState
from pool.states import EndCause, InstanceState
from pool.store.backups import BackupStore
from pool.store.instances.instance_store import InstanceStore
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeEngine, HomeFile
from tests.rigs.kept_work import BLUEPRINT, THE_SAME, counting, die_at, dying

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

#: What is written outside on the way, and at which call of it the process dies.
OF_AN_END = [
    (InstanceStore, "move", 1),
    (HomeEngine, "stop", 1),
    (BackupStore, "begin", 1),
    (FakeRepository, "write", 1),
    (BackupStore, "move", 1),
    (BackupStore, "move", 2),
    (HomeEngine, "remove", 1),
    (InstanceStore, "move", 2),
]
OF_A_START: list[tuple[type, str, int]] = [
    (HomeEngine, "_create", 1),
    (HomeEngine, "write_files", 1),
    (HomeEngine, "_start", 1),
    (InstanceStore, "begin_to_run", 1),
]


@pytest.fixture
def dies_at(world, monkeypatch):
    return partial(die_at, world, monkeypatch)


def assert_what_counts_is_whole(world) -> None:
    for backup in world.store.backups.all([BackupState.VERIFIED]):
        assert hashlib.sha256(world.backups.streams[backup.snapshot]).hexdigest() == backup.digest


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", OF_AN_END, ids=lambda found: f"{found[0].__name__}.{found[1]}-{found[2]}")
def test_an_end_that_dies_at_any_write_is_gone_on_with_and_backed_up_once(world, dies_at, point, after):
    dies_at(*point, after)
    with world.process(), dying():
        asyncio.run(sessions.end_session(world.get(), "asked for", EndCause.REQUESTED))
        pytest.fail("it did not die")
    assert_what_counts_is_whole(world)
    assert counting(world) or world.home("alice-1").files, "neither the container nor a backup has the work"
    assert world.end().state is InstanceState.DELETED
    assert [one.id for one in world.store.backups.all()] == counting(world) == ["alice-1.1"]
    assert_what_counts_is_whole(world)
    world.start("alice-2")
    assert world.home("alice-2").started_with == THE_SAME


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", OF_A_START, ids=lambda found: f"{found[0].__name__}.{found[1]}-{found[2]}")
def test_a_start_that_dies_at_any_write_begins_with_all_of_its_work(world, dies_at, point, after):
    world.end()
    world.ask("alice-2")
    dies_at(*point, after)
    with world.process(), dying():
        asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
        pytest.fail("it did not die")
    with world.process():
        started = asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
    assert (started.state, started.restored_from) == (InstanceState.RUNNING, "alice-1.1")
    assert world.home("alice-2").started_with == THE_SAME
    assert counting(world) == ["alice-1.1"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_restore_that_dies_and_is_run_again_brings_all_once_and_replaces_nothing(world, dies_at, after):
    world.end()
    world.start("alice-2")
    world.home("alice-2").files["home/thesis"] = HomeFile(b"a new chapter")
    dies_at(HomeEngine, "write_files", 1, after)
    with world.process() as first, dying():
        asyncio.run(restore_files.fn("alice-2"))
    with world.process(accepted=first.accepted):
        asyncio.run(restore_files.fn("alice-2"))
    there = world.home("alice-2").files
    assert there.pop("home/thesis").content == b"a new chapter"
    assert [*there.values()] == [*THE_SAME.values()]
