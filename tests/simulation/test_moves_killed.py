"""A move whose process dies anywhere loses nothing: another run goes on with it, or the session never left."""

import asyncio
import hashlib

import pytest

from flows.sessions.move_instance import move_instance
from pool.backups.states import BackupState, BackupTrouble
from pool.states import InstanceState
from pool.store.backups import BackupStore
from pool.store.instances.instance_store import InstanceStore
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeEngine
from tests.rigs.kept_work import WORK, counting, die_at, dying
from tests.rigs.moved_work import held, homes, move, reserved, same_address, work_on, world_of_two_hosts

pytestmark = pytest.mark.simulation

MOST_STEPS = 35
#: What is written outside on the way, and at which call of it the process dies.
OF_A_MOVE = [
    (FakeRepository, "write", 1),
    (BackupStore, "move", 2),
    (InstanceStore, "set_out", 1),
    (BackupStore, "begin", 2),
    (HomeEngine, "stop", 1),
    (FakeRepository, "write", 2),
    (BackupStore, "move", 3),
    (BackupStore, "move", 4),
    (InstanceStore, "note_carried", 1),
    (HomeEngine, "remove", 1),
    (InstanceStore, "hand_over", 1),
    (HomeEngine, "_create", 1),
    (HomeEngine, "write_files", 1),
    (HomeEngine, "_start", 1),
    (InstanceStore, "begin_to_run", 1),
]
GO_ON = pytest.mark.parametrize("begun", [False, True], ids=["by the same run", "by a tick's"])


@pytest.fixture
def world():
    with world_of_two_hosts() as world:
        yield world


def dies(world, steps: int = 99) -> None:
    with world.process() as prefect, dying():
        prefect.steps_left = steps
        asyncio.run(move_instance.fn("alice-1"))


def assert_nothing_is_lost(world) -> None:
    """Its work is in its container or in a backup that counts, it runs at most once, and its room is its own."""
    engines = [world.engine, *world.engines.values()]
    containers = [engine.homes["dd-alice-1"] for engine in engines if "dd-alice-1" in engine.homes]
    whole = [one for one in containers if one.files == WORK]
    assert whole or counting(world), "neither a container nor a backup has the work"
    assert sum(one.status == "running" for one in containers) <= 1
    assert reserved(world) == held(world)
    for backup in world.store.backups.all([BackupState.VERIFIED]):
        assert hashlib.sha256(world.backups.streams[backup.snapshot]).hexdigest() == backup.digest


def assert_goes_on(world, before, begun: bool) -> None:
    """A run that comes later brings the session to its end; only one that was not begun may stay where it was."""
    assert_nothing_is_lost(world)
    set_out = world.get().state is not InstanceState.RUNNING or world.get().moved_by
    move(world, begun=begun)
    after = world.get()
    assert after.state is InstanceState.RUNNING
    assert same_address(before, after)
    assert_nothing_is_lost(world)
    if not set_out and begun:
        assert homes(world) == {"main-01": ["dd-alice-1"], "main-02": []}
        return
    assert homes(world) == {"main-01": [], "main-02": ["dd-alice-1"]}
    assert work_on(world, "main-02") == WORK
    assert (after.restored_from, after.carried) == (counting(world)[0], "")


@GO_ON
@pytest.mark.parametrize("steps", range(MOST_STEPS))
def test_a_move_whose_process_dies_before_any_step_is_gone_on_with(world, steps, begun):
    before = world.get()
    dies(world, steps)
    assert_goes_on(world, before, begun)


@GO_ON
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", OF_A_MOVE, ids=lambda found: f"{found[0].__name__}.{found[1]}-{found[2]}")
def test_a_move_that_dies_at_any_write_is_gone_on_with(world, monkeypatch, point, after, begun):
    before = world.get()
    where, name, number = point
    with monkeypatch.context() as patch:
        die_at(world, patch, where, name, number, after)
        dies(world)
        assert world.prefect.steps_left == 0, "it did not die"
    assert_goes_on(world, before, begun)


def test_every_step_of_a_move_is_one_that_is_died_at(world):
    with world.process() as prefect:
        asyncio.run(move_instance.fn("alice-1"))
    assert len(prefect.called) < MOST_STEPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_session_that_stays_though_its_run_dies_runs_again(world, monkeypatch, after):
    whole, writes = FakeRepository.write, []

    def away_at_last(self, name, stream):
        writes.append(name)
        if len(writes) == 2:
            raise BackupTrouble("the store is away")
        return whole(self, name, stream)

    with monkeypatch.context() as patch:
        patch.setattr(FakeRepository, "write", away_at_last)
        die_at(world, patch, InstanceStore, "stay", 1, after)
        dies(world)
    assert_nothing_is_lost(world)
    move(world)
    assert work_on(world, "main-02") == WORK
