"""Moves of sessions on simulated machines: killed at every await, and met by all that may happen meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from blocks.stored.blueprint import Blueprint
from pool.states import HostState, InstanceState
from tests.rigs.present import present
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.invariants import check_always, unsettled
from tests.rigs.simulator.lives import Lives
from tests.rigs.simulator.runs import Run

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

WEEK = 7 * 86400
FEWEST_AWAITS = 100  # of a move; there are some 150
MOMENTS = (0.3, 1.3, 2.4, 3.6, 6.0)  # seconds after a move was asked for; it takes about six
BOTH_HOSTS = range(2)


@contextmanager
def moving_world(ours: Lives, seed: int) -> Iterator[EventfulWorld]:
    """Two hosts that stay, and a session that keeps its work on one of them."""
    with ours.world(seed) as world:
        world.config.DD_HOST_LIFETIME, world.config.DD_FREE_SLOT_TARGET = WEEK, 8
        kept = world.stored[Blueprint]["kept"]
        world.stored[Blueprint]["kept"] = kept.model_copy(update={"lifetime": WEEK, "keep_every": 0})
        world.advance(1500)
        begin(world)
        assert len(world.store.hosts.all(states=[HostState.ACTIVE])) == 2
        yield world


def begin(world: EventfulWorld) -> None:
    """Have one session run, where none does."""
    if not running(world):
        world.arrive("kept")
        world.advance(600)
    assert len(running(world)) == 1


def running(world: EventfulWorld) -> list:
    return world.store.instances.all(states=[InstanceState.RUNNING])


def asked_to_move(world: EventfulWorld) -> Run:
    """The user writes, and the operator moves the session; the run, as soon as it has a process."""
    world.write(0)
    world.move(0)
    run = list(world.prefect.runs.values())[-1]
    while run.process is None:
        world.advance(0.05)
    return run


def recover(world: EventfulWorld, after: str) -> None:
    for _ in range(12):
        world.advance(300)
        check_always(world)
        if not unsettled(world):
            break
    assert (world.broken.sentences, unsettled(world)) == ({}, []), after


# Each await by night: `test_moves_killed` has a move die before each of its steps, and before and after each write.
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.nightly)])
def test_a_move_that_is_killed_at_any_await_loses_nothing(ours, every):
    with moving_world(ours, 1) as world:
        awaits, is_moved = every, False
        while not is_moved:
            run = asked_to_move(world)
            worker = present(run.process)
            worker.kill_after(awaits)
            recover(world, f"killed at await {awaits}")
            assert running(world)[0].id == "s-0", "the session did not live on"
            is_moved = run.state.is_completed() and not worker.killed
            awaits += every * worker.killed  # what is refused while a tick's run is at it is asked for again
        assert awaits > FEWEST_AWAITS


def drain(world: EventfulWorld, which: int) -> None:
    """The operator takes the host that the session is on, or goes to, out of service."""
    session = next(iter(world.alive_sessions()), None)
    place = session and (session.placement, session.target)[which]
    if place and world.store.hosts.get(place.host).state is HostState.ACTIVE:
        world.store.hosts.move(place.host, HostState.DRAINING, world.clock.now(), "the operator said so")


def engines_are_down(world: EventfulWorld) -> None:
    for which in BOTH_HOSTS:
        world.engine_is_down(which, 90)


MEANWHILE = {
    "it is ended": lambda world: world.leave(len(world.sessions) - 1),
    "it is moved again": lambda world: world.move(0, twice=True),
    "its host drains": lambda world: drain(world, 0),
    "its new host drains": lambda world: drain(world, 1),
    "no engine answers": engines_are_down,
    "its host reboots": lambda world: world.host_reboots(0, containers_return=False),
    "its new host is lost": lambda world: world.host_is_down(1, 100_000),
    "its new host starts nothing": lambda world: world.containers_exit_at_once(1),
    "the repository is away": lambda world: world.repository_is_away(90),
    "the gateway is away": lambda world: world.gateway_is_away(60),
    "the worker that starts it dies": lambda world: world.kill_the_warm_worker(5, seconds=20),
    "another housekeeper comes": lambda world: world.second_housekeeper(),
}


@pytest.mark.nightly
@pytest.mark.parametrize("what", MEANWHILE)
def test_whatever_happens_while_a_session_moves_it_has_its_work_or_has_ended(ours, what):
    with moving_world(ours, 2) as world:
        for moment in MOMENTS:
            begin(world)
            run = asked_to_move(world)
            world.advance(moment)
            MEANWHILE[what](world)
            recover(world, f"{what} after {moment} s")
            assert run.state.is_final()
            world.calm_down()
            world.advance(900)
