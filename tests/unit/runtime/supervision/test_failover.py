"""Two processes for one service, of which one is active."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from runtime.supervision.failover import active_process
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit

SERVE = (
    "import sys, time, pathlib; from runtime.supervision.failover import Failover;"
    " Failover(pathlib.Path(sys.argv[1])).wait_until_active(lambda: print('stands by')); time.sleep(60)"
)
Start = Callable[[], subprocess.Popen]


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "prefect" / "server.lock"


@pytest.fixture
def start(lock) -> Iterator[Start]:
    started: list[subprocess.Popen] = []

    def process() -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-c", SERVE, str(lock)]))
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.wait()


def test_the_one_that_stands_by_becomes_active_when_the_active_one_is_killed(start, lock):
    first = start()
    until(lambda: active_process(lock) == first.pid, "the first is active")
    second = start()
    first.kill()
    until(lambda: active_process(lock) == second.pid, "the second has taken over")


def test_one_that_stands_by_ends_when_it_is_asked_to_and_never_was_active(start, lock):
    first = start()
    until(lambda: active_process(lock) == first.pid, "the first is active")
    second = start()
    second.terminate()
    assert second.wait(10) != 0
    assert active_process(lock) == first.pid


def test_none_was_active_before_the_first_one(lock):
    assert active_process(lock) == 0
