"""What the pool's rules do in a whole installation: floods of users, old hosts, mirrors and networks that are away."""

import pytest

from pool.states import HostState, InstanceState
from tests.simulation.demand import arrive, pass_time, running, settling_world

pytestmark = pytest.mark.simulation


@pytest.fixture
def world(ours):
    with settling_world(ours) as world:
        yield world


def test_users_who_come_at_once_to_an_empty_pool_all_get_a_place(world):
    pass_time(world, 600)  # until the pool offers its image
    arrive(world, 14)  # three small hosts, as many as are allowed, would hold nine
    pass_time(world, 1200)
    assert running(world) == 14


def test_a_network_that_is_away_for_ten_minutes_costs_no_session(world):
    pass_time(world, 600)  # until the pool offers its image
    arrive(world, 8)
    pass_time(world, 1200)
    hosts = {host.name for host in world.store.hosts.all(states={HostState.ACTIVE})}
    for which in range(len(world.cloud.machines)):
        world.engine_is_down(which, 600)
    pass_time(world, 900)
    assert running(world) == 8
    assert {host.name for host in world.store.hosts.all(states={HostState.ACTIVE})} >= hosts


def test_a_mirror_that_is_down_for_an_hour_is_no_trouble_two_hours_later(world):
    world.playbooks_fail(1000)
    pass_time(world, 3600)
    assert world.store.hosts.all(states={HostState.ACTIVE}) == []
    world.calm_down()
    pass_time(world, 7200)
    assert len(world.store.hosts.all(states={HostState.ACTIVE})) == 1


def test_an_old_host_serves_newcomers_while_the_cloud_refuses_to_give_another(world):
    world.want_free_slots(1)
    for seconds in (2400, 2400, 1800):  # a session lasts an hour, and a host two
        arrive(world, 1)
        pass_time(world, seconds)
    world.cloud_refuses(20_000)
    pass_time(world, 1500)
    arrive(world, 1)
    pass_time(world, 300)
    assert world.store.instances.get(world.sessions[-1]).state is InstanceState.RUNNING
    assert len(world.store.hosts.all(states={HostState.ACTIVE, HostState.DRAINING})) == 1


def test_unused_hosts_leave_when_the_target_is_lowered(world):
    world.want_free_slots(12)
    pass_time(world, 1200)
    assert sum(host.slots for host in world.store.hosts.all(states={HostState.ACTIVE})) >= 12
    world.want_free_slots(2)
    pass_time(world, 2400)
    assert sum(host.slots for host in world.store.hosts.all(states={HostState.ACTIVE})) <= 6
