"""Rules in pools of thousands of hosts: what one tick decides by all hosts, it finds out once."""

import pytest

from pool.housekeeping.observation import Observation, RuleContext
from pool.housekeeping.orphans import CloudPart, orphans
from pool.housekeeping.plan import INSTANCE_RULES
from pool.records import KeptWork
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import a_host, an_instance, later

pytestmark = pytest.mark.unit


class Counted(tuple):
    """Hosts that count how often all of them are gone through."""

    def __init__(self, _hosts) -> None:
        self.looks = 0

    def __iter__(self):
        self.looks += 1
        return super().__iter__()


def looks_for(sessions) -> int:
    """How often the rules go through all hosts of a pool with these sessions, on a host whose drain nearly ends."""
    drains = a_host(state=HostState.DRAINING, drain_deadline=later(660))
    hosts = Counted([drains, a_host("main-02")])
    case = RuleContext(Observation(hosts, tuple(sessions), {"main-01", "main-02"}), PoolSettings(), later(650))
    decided = [rule(session, case) for session in sessions for rule in INSTANCE_RULES]
    assert sum(map(bool, decided)) == len(sessions)
    return hosts.looks


def moving_off(number: int):
    return [an_instance(f"s-{n}", keep=KeptWork(("/home",))) for n in range(number)]


def giving_up(number: int):
    queued = {"state": InstanceState.QUEUED, "expires_at": None, "options": {"wait": 60}}
    return [an_instance(f"s-{n}", None, **queued) for n in range(number)]


@pytest.mark.parametrize("sessions", [moving_off, giving_up])
def test_all_hosts_are_gone_through_as_often_for_many_sessions_as_for_one(sessions):
    assert looks_for(sessions(20)) == looks_for(sessions(1))


def test_all_hosts_are_gone_through_as_often_for_many_things_in_the_cloud_as_for_one():
    class Living(dict):
        looks = 0

        def values(self):
            self.looks += 1
            return super().values()

    living = Living({"main-01": a_host()})
    volumes = [CloudPart("volume", str(number), "data", "gone") for number in range(20)]
    assert orphans(volumes, living) == volumes
    assert living.looks == 1
