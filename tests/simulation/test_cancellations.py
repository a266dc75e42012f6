"""Starts that are cancelled, at any moment: their sessions end, and those of which another request stands go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prefect.states import AwaitingRetry

from pool.states import ENDED, InstanceState
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.lives import Lives, settle

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

STEPS = (1, 2, 3, 5, 8, 12, 17, 23, 30, 38, 47, 57)  # awaits of the worker, after which it dies
PAUSES = (0.05, 0.2, 0.5, 1, 2, 4, 8, 16)  # seconds from the request until it is cancelled


@contextmanager
def world_of_one_host(ours: Lives, seed: int, full: bool = False) -> Iterator[EventfulWorld]:
    """A pool of one host with three slots, all of them taken or none."""
    with ours.world(seed) as world:
        world.allow_hosts(1)
        world.advance(900)
        if full:
            for _ in range(3):
                world.arrive()
            world.advance(120)
        yield world


def states(world: EventfulWorld, session: str) -> str:
    return str(world.store.instances.get(session).state)


def test_a_session_in_the_queue_whose_run_is_cancelled_while_no_worker_is_there_is_never_started(ours):
    with world_of_one_host(ours, 1, full=True) as world:
        world.arrive()
        while not (waiting := world.store.instances.find("s-3")) or waiting.state is not InstanceState.QUEUED:
            world.advance(0.05)
        world.kill_the_warm_worker(0, seconds=200)
        run = world._requests()[-1]
        world.prefect.set_state(run.id, AwaitingRetry())
        world.prefect.cancel(run)
        world.advance(300)
        over = world.store.instances.get("s-3")
        assert (str(over.state), over.reason) == ("failed", "cancelled")
        world.leave(0)
        settle(world)
        assert world.broken.sentences == {}
        assert world.store.instances.get("s-3").state in ENDED


@pytest.mark.parametrize("pause", PAUSES)
def test_a_second_request_that_is_cancelled_at_any_moment_takes_nothing_from_the_first(ours, pause):
    with world_of_one_host(ours, 2) as world:
        world.arrive()
        world.advance(0.1)
        world.ask_again(0)
        world.advance(pause)
        world.prefect.cancel(world._requests()[1])
        settle(world)
        assert (states(world, "s-0"), world.broken.sentences) == ("running", {})


@pytest.mark.parametrize("after_steps", STEPS)
@pytest.mark.parametrize("pause", [0.3, 2])
def test_a_session_whose_only_request_is_cancelled_beside_the_death_of_the_worker_ends(ours, after_steps, pause):
    with world_of_one_host(ours, 3) as world:
        world.arrive()
        world.kill_the_warm_worker(after_steps, seconds=20)
        world.advance(pause)
        request = world._requests()[0]
        was_answered = request.state.is_final()
        world.prefect.cancel(request)
        settle(world)
        known = world.store.instances.find("s-0")
        assert was_answered or known is None or known.state in ENDED
        assert world.broken.sentences == {}


@pytest.mark.parametrize("pause", PAUSES)
def test_a_session_all_of_whose_requests_are_cancelled_ends(ours, pause):
    with world_of_one_host(ours, 4) as world:
        world.arrive(twice=True)
        world.advance(pause)
        waiting = [run for run in world._requests() if not run.state.is_final()]
        for run in waiting:
            world.prefect.cancel(run)
        settle(world)
        known = world.store.instances.find("s-0")
        assert len(waiting) < 2 or known is None or known.state in ENDED
        assert world.broken.sentences == {}


@pytest.mark.parametrize("seconds", [-60, 60])
@pytest.mark.parametrize("pause", [0.5, 2, 8])
def test_clocks_that_differ_change_nothing_of_whose_request_stands(ours, seconds, pause):
    with world_of_one_host(ours, 5) as world:
        world.clocks_differ(seconds)
        world.arrive()
        world.arrive()
        world.advance(0.1)
        world.ask_again(0)
        world.advance(pause)
        first, other, second = world._requests()
        was_answered = other.state.is_final()
        world.prefect.cancel(second)
        world.prefect.cancel(other)
        settle(world)
        assert states(world, "s-0") == "running"
        unwanted = world.store.instances.find("s-1")
        assert was_answered or unwanted is None or unwanted.state in ENDED
        assert (first.parameters["instance_id"], world.broken.sentences) == ("s-0", {})
