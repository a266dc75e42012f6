"""The simulator itself: a rig that could not fail would prove nothing."""

import asyncio

import pytest

from pool.states import HostState, InstanceState
from tests.rigs.simulator.clock import BEGINNING
from tests.rigs.simulator.invariants import check_always, unsettled
from tests.rigs.simulator.lives import settle
from tests.rigs.simulator.processes import Process

pytestmark = pytest.mark.simulation


@pytest.fixture
def world(ours):
    with ours.world(seed=1) as world:
        yield world


def running_session(world) -> None:
    world.advance(900)
    world.arrive()
    world.advance(60)
    assert [str(session.state) for session in world.alive_sessions()] == ["running"]


def test_a_day_passes_in_no_time_and_a_pool_makes_its_hosts(world):
    world.advance(86_400)
    assert (world.clock.now() - BEGINNING).days == 1
    assert unsettled(world) == []
    assert world.cloud.machines


def test_a_session_runs_in_a_container_of_a_machine_and_has_a_route(world):
    running_session(world)
    assert any("dd-s-0" in machine.containers for machine in world.cloud.machines.values())
    assert len(world.gateway.routes) == 1


def test_a_killed_process_runs_no_cleanup(world):
    process, cleaned = Process("killed", world.clock.now), []

    async def work():
        process.enter()
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append("cleaned")

    task = world.outside(work())
    world.advance(5)
    process.kill()
    world.advance(10)
    assert task.done()
    assert cleaned == []


def test_a_frozen_process_goes_on_where_it_was(world):
    process, moments = Process("frozen", world.clock.now), []

    async def work():
        process.enter()
        for _ in range(2):
            await asyncio.sleep(1)
            moments.append(round(world.time))

    world.outside(work())
    process.frozen_until = 100
    world.advance(200)
    assert moments == [100, 101]


def test_a_container_without_a_record_is_seen(world):
    running_session(world)
    session = world.alive_sessions()[0]
    for state in (InstanceState.STOPPING, InstanceState.DELETED):
        world.store.instances.move(session.id, state, world.clock.now())
    assert any(sentence.startswith("2: container dd-s-0") for sentence in unsettled(world))


def test_a_server_without_a_record_is_seen(world):
    world.advance(900)
    machine = next(iter(world.cloud.machines.values()))
    world.cloud.machines["main-99"] = machine
    assert "2: the server of main-99 is left in the cloud" in unsettled(world)


def test_room_that_is_given_twice_is_seen(world):
    running_session(world)
    with world.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE hosts SET reserved = 0")
    check_always(world)
    assert any(sentence.startswith("1: ") for sentence in world.broken.sentences)


def test_a_host_that_is_called_gone_and_is_not_is_seen(world):
    world.advance(900)
    for state in (HostState.DRAINING, HostState.REMOVING, HostState.REMOVED):
        world.store.hosts.move(next(iter(world.cloud.machines)), state, world.clock.now())
    assert any(sentence.startswith("4: ") for sentence in world.broken.sentences)


def test_a_token_in_a_log_is_seen(world):
    running_session(world)
    world.secrets.check("a log", f"started with {world.a_token}")
    assert any(sentence.startswith("10: ") for sentence in world.broken.sentences)


def test_an_unexpected_error_is_seen(world):
    def stumble(*_):
        raise KeyError("unexpected")

    world.gateway.key_ids = stumble
    world.advance(60)
    assert any("KeyError" in sentence for sentence in world.broken.sentences)


def test_one_seed_is_one_life(ours):
    def told(seed):
        lines: list[str] = []
        ours.live(seed, say=lines.append)
        return lines

    once = told(7)
    assert once == told(7)
    assert once != told(8)


def test_a_worker_that_is_killed_at_any_step_leaves_nothing(ours):
    for steps in range(1, 60, 7):
        with ours.world(seed=steps) as world:
            world.advance(900)
            world.arrive()
            world.kill_the_warm_worker(steps, 30)
            settle(world)
            assert world.broken.sentences == {}


def test_a_session_is_given_a_container_that_stood_by_and_another_one_stands_by_after_it(world):
    world.stand_by(1)
    world.advance(900)
    world.arrive()
    world.advance(120)
    (session,) = world.alive_sessions()
    assert (str(session.state), session.standby[:8]) == ("running", "standby.")
    assert unsettled(world) == []
    assert [str(one.state) for one in world.store.standbys.all()] == ["ready"]


def test_standbys_by_an_older_blueprint_are_replaced(world):
    world.stand_by(2)
    world.advance(900)
    before = {one.id for one in world.store.standbys.all()}
    world.give_more_memory(640)
    world.advance(300)
    after = {one.id for one in world.store.standbys.all()}
    assert (len(before), len(after), before & after) == (2, 2, set())


def containers(world) -> list:
    return [one for machine in world.cloud.machines.values() for one in machine.containers.values()]


def test_a_frozen_standby_stands_still_until_a_session_has_it(world):
    world.stand_by(1, frozen=True)
    world.advance(900)
    assert [one.frozen for one in containers(world)] == [True]
    world.arrive()
    world.advance(120)
    assert [(str(one.state), one.standby[:8]) for one in world.alive_sessions()] == [("running", "standby.")]
    assert sorted(one.frozen for one in containers(world)) == [False, True]
    assert unsettled(world) == []


def test_a_session_whose_container_is_frozen_still_goes_on_with_the_next_tick(world):
    world.stand_by(1, frozen=True)
    world.advance(900)
    world.arrive()
    world.advance(120)
    for container in containers(world):
        container.freeze(True)
    assert any("its container runs on no host" in sentence for sentence in unsettled(world))
    world.advance(60)
    assert unsettled(world) == []


def test_a_worker_that_is_killed_at_any_step_with_frozen_standbys_leaves_nothing_and_no_session_frozen(ours):
    for steps in range(1, 60, 5):
        with ours.world(seed=steps) as world:
            world.stand_by(2, frozen=True)
            world.advance(900)
            world.arrive()
            world.arrive(twice=True)
            world.kill_the_warm_worker(steps, 30)
            settle(world)
            assert world.broken.sentences == {}


def test_a_host_that_rebooted_has_frozen_standbys_again(world):
    world.stand_by(2, frozen=True)
    world.advance(900)
    world.host_reboots(0, containers_return=True)
    settle(world)
    assert world.broken.sentences == {}
    assert [one.frozen for one in containers(world)] == [True, True]
