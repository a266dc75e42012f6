"""A course on simulated machines: the worker is killed at every await while its class is started, and guests come."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from pool.states import HOLDING_ROOM, InstanceState
from tests.rigs.simulator.events import EventfulWorld
from tests.rigs.simulator.invariants import check_always
from tests.rigs.simulator.lives import Lives

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

STUDENTS = ("ada", "bob", "cyn")
MINUTE, HOUR = 60, 3600
STEPS = (1, 5, 17, 47, 93)  # awaits of the worker, after which it dies
BY_NIGHT = (2, 3, 8, 12, 23, 30, 38, 57, 68, 80, 107, 122)


def hold_class(world: EventfulWorld, begins: float, **values) -> None:
    """A class begins so many seconds from now, and lasts an hour."""
    begin = world.clock.now() + timedelta(seconds=begins)
    time = f"{begin:%a %H:%M}-{begin + timedelta(hours=1):%H:%M}"
    usual = {"blueprint": "small", "times": [time], "slots": len(STUDENTS), "users": list(STUDENTS)}
    world.stored[CourseBlock]["bio101"] = CourseBlock(**usual | values)


@contextmanager
def world_with_hosts(ours: Lives, seed: int) -> Iterator[EventfulWorld]:
    with ours.world(seed) as world:
        world.advance(900)
        yield world


def of_class(world: EventfulWorld) -> list:
    return [one for one in world.store.instances.all() if one.user in STUDENTS]


@pytest.mark.parametrize("after_steps", [*STEPS, *(pytest.param(step, marks=pytest.mark.nightly) for step in BY_NIGHT)])
def test_a_class_whose_start_is_killed_anywhere_has_one_session_for_each_of_its_users(ours, after_steps):
    with world_with_hosts(ours, 1) as world:
        hold_class(world, 20 * MINUTE, start_before=10)
        world.advance(10 * MINUTE - 15)
        assert of_class(world) == []
        world.kill_the_warm_worker(after_steps, seconds=5)
        for _ in range(10):
            world.advance(2 * MINUTE)
            check_always(world)
        assert Counter(one.user for one in of_class(world)) == dict.fromkeys(STUDENTS, 1)
        assert {one.state for one in of_class(world)} == {InstanceState.RUNNING}
        assert world.broken.sentences == {}


def test_a_session_of_a_class_that_its_user_ended_is_not_started_again(ours):
    with world_with_hosts(ours, 2) as world:
        hold_class(world, 20 * MINUTE, start_before=10)
        world.advance(15 * MINUTE)
        world.prefect.start("deprovision-instance/on-demand", {"instance_id": of_class(world)[0].id})
        world.advance(30 * MINUTE)
        assert Counter(one.user for one in of_class(world)) == dict.fromkeys(STUDENTS, 1)
        assert of_class(world)[0].state is InstanceState.DELETED


def test_a_class_whose_sessions_were_refused_has_them_once_the_operator_has_mended_the_blueprint(ours):
    with world_with_hosts(ours, 4) as world:
        blueprints = world.stored[Blueprint]
        right, blueprints["small"] = blueprints["small"], blueprints["small"].model_copy(update={"image": "misspelt"})
        hold_class(world, 20 * MINUTE, start_before=10)
        world.advance(15 * MINUTE)
        assert of_class(world) == []
        blueprints["small"] = right
        world.advance(15 * MINUTE)
        assert Counter(one.user for one in of_class(world)) == dict.fromkeys(STUDENTS, 1)


def test_guests_who_fill_the_pool_before_a_class_leave_its_slots_alone_and_have_them_after_it(ours):
    with world_with_hosts(ours, 3) as world:
        world.config.DD_MAX_HOSTS, world.config.DD_QUEUE_TIMEOUT = 2, 4 * HOUR
        hold_class(world, 20 * MINUTE, slots=6, users=[])
        world.advance(10 * MINUTE)
        for _ in range(16):
            world.arrive("large")
        for _ in range(5):
            world.advance(10 * MINUTE)
            check_always(world)
            holding = sum(one.slots for one in world.store.instances.all(states=HOLDING_ROOM))
            room = sum(host.slots for host in world.store.hosts.all() if host.room or host.reserved)
            assert holding <= max(0, room - 6)
        world.advance(2 * HOUR)
        assert world.store.instances.all(states={InstanceState.QUEUED}) == []
