"""What a cloud answers while a host is waited for: trouble that passes ends no wait before its own limit."""

from datetime import datetime
from types import SimpleNamespace

import pytest

from blocks.clouds.port import Cloud, Server, ServerStatus
from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from pool.errors import CloudRefused, CloudTrouble
from pool.ports import Clock
from tasks.hosts.lifecycle import prove_gone, wait_for_server
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import a_host
from tests.rigs.simulator.clock import Clock as VirtualClock
from tests.rigs.simulator.clock import VirtualLoop, wait

pytestmark = pytest.mark.unit

BUILT = Server("id-1", "main-01", "main", ServerStatus.ACTIVE, "10.0.0.5")
BUILDING = Server("id-1", "main-01", "main", ServerStatus.BUILD)
UNAVAILABLE = CloudTrouble("cannot find host main-01: the cloud answers 503")


class ClockOf(Clock):
    """What the simulator's virtual clock shows."""

    def __init__(self, virtual: VirtualClock) -> None:
        self._virtual = virtual

    def now(self) -> datetime:
        return self._virtual.now()

    def uptime(self) -> float:
        return self._virtual.monotonic()


class Answers:
    """A cloud that answers in turn, the last answer for ever; each question takes some seconds of virtual time."""

    def __init__(self, *answers, seconds: float = 1) -> None:
        self.asked = 0
        self._answers, self._seconds = answers, seconds

    def find(self, host: str) -> Server | None:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        wait(self._seconds)
        if isinstance(answer, Exception):
            raise answer
        return answer


def done(task, cloud: Answers, seconds: int = 60):
    stored = FakeBlocks({PoolConfig: {"main": PoolConfig()}, Cloud: {"main": cloud}})
    store = SimpleNamespace(writes=0, hosts=SimpleNamespace(note=a_host))
    clock = VirtualClock()
    loop = VirtualLoop(clock)
    with standing_in(fake_outside(stored=stored, store=store, clock=ClockOf(clock))):
        return loop.run_until_complete(task.fn(a_host(), seconds))


def test_a_503_while_a_server_is_being_built_does_not_give_the_host_up():
    host = done(wait_for_server, Answers(BUILDING, UNAVAILABLE, UNAVAILABLE, BUILT))
    assert host.address == "10.0.0.5"


def test_a_cloud_that_stays_away_is_given_up_at_the_waits_own_limit_in_its_own_words():
    cloud = Answers(BUILDING, UNAVAILABLE, seconds=5)
    with pytest.raises(CloudTrouble, match=r"the cloud answers 503 \(waited for 60 s\)"):
        done(wait_for_server, cloud)
    assert cloud.asked == 11


def test_a_slow_cloud_is_waited_for_by_seconds_not_by_turns():
    cloud = Answers(BUILDING, seconds=30)
    with pytest.raises(CloudTrouble, match=r"still says build"):
        done(wait_for_server, cloud)
    assert cloud.asked == 2


def test_a_refusal_ends_the_wait_at_once():
    cloud = Answers(CloudRefused("Keystone refuses the credentials"))
    with pytest.raises(CloudRefused):
        done(wait_for_server, cloud)
    assert cloud.asked == 1


def test_a_server_is_proved_gone_past_a_503_and_never_by_one():
    assert done(prove_gone, Answers(BUILT, UNAVAILABLE, None))
    assert not done(prove_gone, Answers(UNAVAILABLE, seconds=5))
