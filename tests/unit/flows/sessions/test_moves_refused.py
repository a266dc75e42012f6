"""A move that cannot be made changes nothing, and its run says why."""

import asyncio
from dataclasses import replace

import pytest

from flows.steps import sessions
from pool.backups.states import BackupTrouble
from pool.records import KeptWork
from pool.states import HostState
from tests.rigs.kept_work import BLUEPRINT
from tests.rigs.moved_work import held, homes, move, reserved, world_of_two_hosts
from tests.rigs.pool_data import place
from tests.rigs.present import present

pytestmark = pytest.mark.unit


@pytest.fixture
def world():
    with world_of_two_hosts() as world:
        yield world


def refused(world, **wanted) -> str:
    """Why it is not moved; nothing of it has changed."""
    before, there = world.get(), homes(world)
    message = present(move(world, **wanted).message)
    assert (world.get(), homes(world)) == (before, there)
    assert world.home("alice-1").status == "running"
    assert reserved(world) == held(world)
    return message


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("main-01", "instance alice-1 is on host main-01 already"),
        ("main-09", "pool main has no host 'main-09'"),
    ],
)
def test_a_host_that_it_cannot_go_to_is_refused(world, host, said):
    assert refused(world, host=host) == said


def test_a_host_that_takes_no_sessions_is_refused(world):
    world.store.hosts.move("main-02", HostState.DRAINING, world.clock.now())
    assert refused(world, host="main-02") == "instance alice-1 stays on main-01: host main-02 is draining, not active"
    said = "instance alice-1 stays on main-01: no other active host of pool main has its image and 1 slot free"
    assert refused(world) == said


def test_a_pool_without_room_elsewhere_moves_nothing(world):
    for number in range(6):
        world.store.instances.request(f"bob-{number}", BLUEPRINT, "bob", {}, world.clock.now())
        place(world.store, f"bob-{number}", "main-02")
    assert "no other active host of pool main has its image and 1 slot free" in refused(world)


def test_a_session_that_keeps_nothing_is_not_moved(world):
    plain = replace(BLUEPRINT, keep=KeptWork())
    world.store.instances.request("bob-1", plain, "bob", {}, world.clock.now())
    place(world.store, "bob-1")
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("bob-1"), plain))
    message = present(move(world, "bob-1").message)
    assert message.startswith("instance bob-1 keeps nothing that could be taken along: name folders in the field keep")


def test_a_session_that_does_not_run_is_not_moved(world):
    world.end()
    assert move(world).message == "instance alice-1 is deleted: only a session that runs can be moved"


def test_a_session_that_cannot_be_backed_up_is_not_stopped(world):
    world.backups.troubles = [BackupTrouble("the store is away")]
    assert "the store is away" in refused(world)
