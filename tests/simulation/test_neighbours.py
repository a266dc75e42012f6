"""What one session does to its neighbours, through the whole product: what it fills is taken back, and they go on."""

import pytest

from pool.decisions import DecisionKind
from pool.states import EndCause, HostState, InstanceState

pytestmark = pytest.mark.simulation


@pytest.fixture
def world(ours):
    """A pool with two sessions on one host."""
    with ours.world(seed=1) as world:
        world.advance(900)
        world.arrive()
        world.advance(30)
        world.arrive()
        world.advance(60)
        yield world


def machine_of(world, session: str):
    host = world.store.instances.get(session).host
    return next(machine for machine in world.cloud.machines.values() if machine.host == host)


def fill_disk(world, free_mb: int):
    machine = machine_of(world, "s-0")
    machine.free_mb, machine.written_mb = free_mb, {"s-0": 300, "s-1": 900}
    world.advance(60)
    return world.store.hosts.get(machine.host)


def decided(world, kind: DecisionKind) -> list[str]:
    return [one.decision.subject for one in world.store.ticks.decisions(limit=1000) if one.decision.kind is kind]


def test_on_a_disk_that_is_nearly_full_the_largest_writer_is_named_once_and_no_session_is_added(world):
    low = fill_disk(world, 1000)
    assert decided(world, DecisionKind.FILLS_DISK) == ["s-1"]
    assert low.disk_low_since is not None
    world.arrive()
    world.advance(600)
    newcomer = world.store.instances.get("s-2")
    assert (newcomer.state, newcomer.host == low.name) == (InstanceState.RUNNING, False)
    assert world.store.instances.get("s-1").state is InstanceState.RUNNING


def test_on_a_disk_that_is_full_the_largest_writer_is_ended_and_its_neighbour_goes_on(world):
    fill_disk(world, 100)
    ended, neighbour = (world.store.instances.get(session) for session in ("s-1", "s-0"))
    assert (ended.state, ended.end_cause) == (InstanceState.DELETED, EndCause.DISK_FILLED)
    assert neighbour.state is InstanceState.RUNNING


def test_a_host_is_in_use_again_once_its_disk_has_room(world):
    low = fill_disk(world, 1000)
    machine_of(world, "s-0").free_mb = 5000
    world.advance(60)
    assert world.store.hosts.get(low.name).disk_low_since is None


def test_a_host_whose_containers_get_out_never_serves(world):
    before = {host.name for host in world.store.hosts.all()}
    world.cloud.ways_out = ("the manager at 192.0.2.1, port 4200",)
    world.config.DD_FREE_SLOT_TARGET = 30
    world.advance(900)
    hosts = [host for host in world.store.hosts.all() if host.name not in before and host.fault]
    assert {host.active_at for host in hosts} == {None}
    why = [line.why for line in world.store.history.of_host(hosts[0].name)]
    assert any("from inside a container there is a way to the manager at 192.0.2.1" in one for one in why)


def test_a_host_in_service_whose_containers_get_out_is_drained_at_its_next_test_and_its_sessions_go_on(world):
    machine = machine_of(world, "s-0")
    machine.ways_out = ("right to mount",)
    world.config.DD_BLOCKED_NETWORKS = ["10.20.0.0/16"]
    world.advance(900)
    assert world.store.hosts.get(machine.host).state is HostState.DRAINING
    assert {str(session.state) for session in world.alive_sessions()} == {"running"}


def test_networks_that_are_listed_reach_hosts_in_service_and_their_sessions_go_on(world):
    host = world.store.instances.get("s-0").host
    before = world.store.hosts.get(host).setup
    world.config.DD_BLOCKED_NETWORKS = ["10.20.0.0/16"]
    world.advance(900)
    after = world.store.hosts.get(host).setup
    assert after == world.config.settings("main").setup_version != before
    assert decided(world, DecisionKind.CONFIGURE).count(host) == 1
    assert {str(session.state) for session in world.alive_sessions()} == {"running"}
