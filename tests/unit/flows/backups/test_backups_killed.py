"""Work is kept whatever dies: a process before any of its steps, or in the middle of those that stream."""

import asyncio

import pytest

from flows.steps import sessions
from pool.states import EndCause, InstanceState
from tests.rigs.fakes import FakeRepository
from tests.rigs.homes import HomeEngine, HomeFile
from tests.rigs.kept_work import BLUEPRINT, THE_SAME, Killed, counting, dying

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

MOST_STEPS = 12


@pytest.mark.parametrize("steps", range(MOST_STEPS))
def test_a_process_that_dies_before_any_step_of_an_end_loses_nothing(world, steps):
    with world.process() as prefect, dying():
        prefect.steps_left = steps
        asyncio.run(sessions.end_session(world.get(), "asked for", EndCause.REQUESTED))
    assert world.end().state is InstanceState.DELETED
    assert (counting(world), world.engine.homes) == (["alice-1.1"], {})
    world.start("alice-2")
    assert world.home("alice-2").started_with == THE_SAME


@pytest.mark.parametrize("steps", range(MOST_STEPS))
def test_a_process_that_dies_before_any_step_of_a_start_brings_back_all_or_nothing(world, steps):
    world.end()
    world.ask("alice-2")
    with world.process() as prefect, dying():
        prefect.steps_left = steps
        asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
    assert_whole_or_absent(world)
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
    assert world.home("alice-2").started_with == THE_SAME


def test_a_process_that_dies_while_it_writes_leaves_half_a_snapshot_that_never_counts(world, monkeypatch):
    whole = FakeRepository.write

    def dies(self, name, stream):
        whole(self, name, [next(iter(stream))])  # as restic does when its input ends
        raise Killed

    with world.process() as prefect, dying(), monkeypatch.context() as patch:
        patch.setattr(FakeRepository, "write", dies)
        prefect.steps_left = 6  # nothing is tidied up
        asyncio.run(sessions.end_session(world.get(), "asked for", EndCause.REQUESTED))
    assert (counting(world), len(world.backups.streams)) == ([], 1)
    world.end()
    world.start("alice-2")
    assert world.home("alice-2").started_with == THE_SAME


def test_a_process_that_dies_while_it_brings_work_back_never_starts_half_of_it(world, monkeypatch):
    world.end()
    world.ask("alice-2")

    def dies(self, container, tar):
        next(iter(tar))
        self.homes["dd-alice-2"].files["home/half"] = HomeFile()
        raise Killed

    with world.process() as prefect, dying(), monkeypatch.context() as patch:
        patch.setattr(HomeEngine, "write_files", dies)
        prefect.steps_left = 3
        asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
    with world.process():
        asyncio.run(sessions.start_or_await(world.get("alice-2"), BLUEPRINT))
    assert world.home("alice-2").started_with == THE_SAME


def assert_whole_or_absent(world) -> None:
    home = world.engine.homes.get("dd-alice-2")
    assert home is None or home.status == "created" or home.started_with == THE_SAME
