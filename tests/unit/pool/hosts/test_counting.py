"""Which hosts keep a place of their pool's limit, when the cloud does not delete their servers."""

import pytest

from pool.hosts.counting import counted_hosts
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

UNDYING = [a_host(f"main-0{number}", state=HostState.REMOVING) for number in range(1, 5)]
ACTIVE = [a_host(f"main-1{number}") for number in range(4)]


@pytest.mark.parametrize(("seconds", "counted"), [(3600, 4), (3601, 0)])
def test_a_server_that_the_cloud_does_not_delete_gives_its_place_up_after_an_hour(seconds, counted):
    assert counted_hosts(UNDYING, 4, later(seconds)) == counted


def test_there_are_never_more_than_twice_as_many_hosts_as_the_pool_may_have():
    assert counted_hosts([*UNDYING, *UNDYING, *ACTIVE], 4, later(9999)) == 8


@pytest.mark.parametrize("state", [HostState.ACTIVE, HostState.DRAINING, HostState.FAILED, HostState.SPAWNING])
def test_a_host_in_another_state_keeps_its_place(state):
    assert counted_hosts([a_host(state=state)], 4, later(9999)) == 1


def test_a_session_that_waits_gets_a_host_beside_four_servers_that_do_not_die():
    waiting = an_instance(state=InstanceState.QUEUED, host=None)
    settings = PoolSettings(free_slot_target=0)
    spawns = hosts_to_spawn(Situation(UNDYING, settings, later(3601), queue=[waiting]))
    assert [decision.kind for decision in spawns] == ["spawn"]
    (waits,) = hosts_to_spawn(Situation(UNDYING, settings, NOW, queue=[waiting]))
    assert waits.reason == "4 of at most 4 hosts are there"
