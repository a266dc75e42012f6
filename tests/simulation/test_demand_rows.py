"""What the pool's rules do in a whole installation: targets, timetables, sizes of hosts, and hosts near their end."""

from datetime import timedelta

import pytest

from blocks.stored.blueprint import Blueprint
from pool.records import Host, Instance
from pool.states import EndCause, HostState, InstanceState
from tests.rigs.present import present
from tests.rigs.simulator.events import EventfulWorld
from tests.simulation.demand import arrive, free, pass_time, settling_world, sizes

pytestmark = pytest.mark.simulation

DAY = 24 * 3600


@pytest.fixture
def world(ours):
    with settling_world(ours) as world:
        yield world


@pytest.fixture
def campus(world):
    """A pool with the product's own sizes of hosts, on a Monday at 08:00."""
    turn(world, DD_MAX_HOSTS=4, DD_HOST_FLAVOR_SLOTS_SMALL=6, DD_HOST_FLAVOR_SLOTS_LARGE=24)
    return world


def turn(world: EventfulWorld, **settings: object) -> None:
    """The operator turns settings of the pool."""
    for name, value in settings.items():
        setattr(world.config, name, value)
    world.most_hosts = max(world.most_hosts, world.config.DD_MAX_HOSTS)


def like_small(world: EventfulWorld, name: str, **values: object) -> None:
    """The operator saves a blueprint that differs from the small one in these values."""
    blueprints = world.stored[Blueprint]
    blueprints[name] = blueprints["small"].model_copy(update=values)


def ever(world: EventfulWorld) -> int:
    """Hosts that the pool has had so far."""
    return len(world.store.hosts.all())


def last(world: EventfulWorld) -> Instance:
    """The session that was asked for last."""
    return world.store.instances.get(world.sessions[-1])


# The target and the timetable


def test_what_the_timetable_wants_is_there_when_its_time_begins_and_not_long_before(campus):
    turn(campus, DD_TIMETABLE=["Mon 08:45-12:00: 60"])
    pass_time(campus, 1500)
    assert sizes(campus) == [6]
    pass_time(campus, 1200)
    assert f"{campus.clock.now():%a %H:%M}" == "Mon 08:45"
    assert free(campus) >= 60


def test_a_target_that_four_small_hosts_do_not_hold_is_kept_by_an_idle_pool(campus):
    turn(campus, DD_FREE_SLOT_TARGET=40)
    pass_time(campus, 900)
    assert free(campus) >= 40


def test_hosts_of_a_timetable_to_which_no_user_came_leave_when_it_is_over_and_do_not_come_again(campus):
    turn(campus, DD_TIMETABLE=["Mon 08:15-08:45: 20"])
    pass_time(campus, 1800)
    assert free(campus) >= 20
    spawned = ever(campus)
    pass_time(campus, 2400)
    assert (sizes(campus), ever(campus)) == ([6], spawned)


@pytest.mark.parametrize(("target", "left"), [(4, [6]), (24, [24]), (99, [24, 24])])
def test_unused_hosts_beyond_the_most_allowed_leave_and_do_not_come_again(campus, target, left):
    turn(campus, DD_FREE_SLOT_TARGET=60)
    pass_time(campus, 900)
    assert sizes(campus) == [24, 24, 6, 6]
    turn(campus, DD_MAX_HOSTS=2, DD_FREE_SLOT_TARGET=target)
    pass_time(campus, 2000)
    assert (sizes(campus), ever(campus)) == (left, 4)


# Sizes


def test_a_small_unused_host_makes_way_for_a_large_one_that_a_session_needs(campus):
    turn(campus, DD_MAX_HOSTS=2, DD_FREE_SLOT_TARGET=12)
    like_small(campus, "wide", slots=10)
    pass_time(campus, 900)
    assert sizes(campus) == [6, 6]
    campus.arrive("wide")
    pass_time(campus, 900)
    assert last(campus).state is InstanceState.RUNNING
    assert (sizes(campus)[0], ever(campus)) == (24, 3)


def test_a_large_host_is_not_replaced_by_its_like_where_both_sizes_are_one_flavor(world):
    turn(world, DD_MAX_HOSTS=1, DD_FREE_SLOT_TARGET=5, DD_HOST_FLAVOR_NAME_SMALL="standard.xlarge")
    pass_time(world, 900)
    assert sizes(world) == [6]
    world.want_free_slots(2)
    world.advance(3 * 3600)  # a host's lifetime is two hours
    assert (sizes(world), ever(world)) == ([6], 1)


# Hosts past their lifetime, and near it


def test_while_slots_are_free_on_the_only_host_allowed_no_long_session_waits_longer_than_a_boot_takes(world):
    turn(world, DD_MAX_HOSTS=1, DD_FREE_SLOT_TARGET=4, DD_HOST_LIFETIME=2400)
    like_small(world, "day", lifetime=14400)
    for _ in range(10):
        world.advance(1900)  # from the sixth on, five others hold five of the six slots
        world.arrive("day")
        world.advance(600)
        assert last(world).state is InstanceState.RUNNING
    assert sizes(world) == [6]


def near_its_end(world: EventfulWorld) -> Host:
    """The only host, which has 240 s left and free slots."""
    like_small(world, "day", lifetime=DAY)
    pass_time(world, 600)  # until the pool offers its image
    turn(world, DD_FREE_SLOT_TARGET=0)
    world.arrive("day")
    pass_time(world, 100)
    (host,) = world.store.hosts.all(states={HostState.ACTIVE})
    end = present(host.first_used_at) + timedelta(seconds=world.config.DD_HOST_LIFETIME)
    world.advance((end - world.clock.now()).total_seconds() - 240)
    return host


def ask(world: EventfulWorld, **options: int) -> None:
    """A user asks for a session with options of their own, and is answered."""
    world.sessions.append(f"s-{len(world.sessions)}")
    request = {"instance_id": world.sessions[-1], "blueprint": "small", "user": "ada", "options": options}
    world.prefect.start("provision-instance/on-demand", request)
    world.advance(20)


def test_a_session_whose_time_fits_or_that_does_not_wait_starts_on_a_host_with_240_seconds_left(world):
    host = near_its_end(world)
    ask(world, lifetime=180)
    assert (last(world).host, last(world).state) == (host.name, InstanceState.RUNNING)
    ask(world, wait=0)
    assert (last(world).host, last(world).state) == (host.name, InstanceState.RUNNING)
    assert ever(world) == 1


def test_a_session_whose_time_does_not_fit_is_told_both_choices_and_waits_no_longer_than_a_boot_takes(world):
    world.tells = True
    host = near_its_end(world)
    ask(world)
    (told,) = world.prefect.artifacts[f"instance-{last(world).id}"]
    assert told["state"] == "queued"
    assert f"and then goes to {host.name}, which has 2 free slots" in told["notice"]
    assert "option wait: 0 starts there at once" in told["notice"]
    world.advance((present(host.active_at) - host.created_at).total_seconds() + 60)  # two ticks
    assert (last(world).state, ever(world)) == (InstanceState.RUNNING, 2)


# An engine that is away as an instance starts


def with_two_hosts(world: EventfulWorld) -> None:
    turn(world, DD_FREE_SLOT_TARGET=8)
    pass_time(world, 900)
    assert len(sizes(world)) >= 2


def test_a_session_whose_host_breaks_the_connection_as_it_starts_is_tried_elsewhere(world):
    with_two_hosts(world)
    world.engines_lose_some_answers(2)  # that start's, and its retry's
    arrive(world, 1)
    world.advance(60)
    one = last(world)
    assert one.state is InstanceState.RUNNING
    assert one.last_host not in (None, one.host)


def test_a_session_whose_engine_is_away_as_it_starts_is_failed_with_the_cause(world):
    with_two_hosts(world)
    arrive(world, 1)
    while not world.store.instances.all(states={InstanceState.STARTING}):
        world.advance(0.01)
    world.engine_is_down(list(world.cloud.machines).index(last(world).host), 200)
    pass_time(world, 900)
    assert (last(world).state, last(world).end_cause) == (InstanceState.FAILED, EndCause.NOT_STARTED)
    assert "did not run container" in last(world).reason
