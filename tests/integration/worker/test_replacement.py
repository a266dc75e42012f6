"""A warm worker above its memory limit is drained and replaced: by its second process, as a supervisor keeps two."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from subprocess import Popen
from uuid import uuid4

import pytest

from pool.store.pool_store import PoolStore
from tests.rigs.services.prefect_server import PrefectServer, stop_all
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.nightly, pytest.mark.timeout(900)]  # six workers and more

FLOWS = "tests.rigs.stacks.warm_flows"
SAYS = "above DD_WARM_MEMORY_MB"
RUNS = 30


class Supervised:
    """Two processes of one worker, of which one is active; one that ends is started anew."""

    def __init__(self, server: PrefectServer) -> None:
        self.server, self.name = server, f"grown-{uuid4().hex[:6]}"
        self.pool = server.pool(self.name)
        self.ends: list[int] = []
        self.processes = [self._begin(), self._begin()]

    def _begin(self) -> Popen:
        words = ["worker", "start", "-p", self.name, "-n", self.name, "-t", "dockerdriver-warm"]
        return self.server.spawn([sys.executable, "-m", "tests.rigs.stacks.soon_replaced", *words], f"{self.name}.log")

    def supervise(self) -> None:
        """Start what has ended, four times a second at the most."""
        time.sleep(0.25)
        for number, process in enumerate(self.processes):
            if (status := process.poll()) is not None:
                self.ends.append(status)
                self.processes[number] = self._begin()

    def states(self, runs: list[str]) -> Counter[str]:
        """How many of these are in each state."""
        found = self.server.call("POST", "/flow_runs/filter", flow_runs={"id": {"any_": runs}})
        return Counter(str(run["state_type"]) for run in found)

    @property
    def said(self) -> str:
        return (self.server.home / f"{self.name}.log").read_text()


@pytest.fixture
def worker(prefect_server, tmp_path) -> Iterator[Supervised]:
    """With a limit that each process is above from its beginning."""
    PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}").upgrade()
    before = dict(prefect_server.env)
    prefect_server.env |= {
        "DD_DATA": str(tmp_path), "DD_WARM_MEMORY_MB": "1", "PREFECT_WORKER_HEARTBEAT_SECONDS": "1",
    }  # fmt: skip
    worker = Supervised(prefect_server)
    yield worker
    prefect_server.env = before
    stop_all(worker.processes)


def test_a_worker_above_its_limit_is_replaced_while_runs_come_and_each_is_done_once(worker, tmp_path):
    deployment, runs = worker.server.deployment(f"{FLOWS}:stamp", worker.pool), list[str]()

    def ask_and_supervise() -> None:
        if len(runs) < RUNS:
            runs.append(worker.server.trigger(deployment, file=str(tmp_path / "stamps")))
        worker.supervise()

    until(lambda: len(worker.ends) >= 2 and len(runs) == RUNS, "two processes are replaced", 300, ask_and_supervise)
    until(lambda: worker.states(runs) == {"COMPLETED": RUNS}, "all runs are done", 200, worker.supervise)
    begun = Counter(line.split()[0] for line in (tmp_path / "stamps").read_text().splitlines())
    assert begun == dict.fromkeys(runs, 1)
    assert set(worker.ends) == {0}
    assert worker.said.count(SAYS) >= 2


def test_a_worker_that_is_replaced_lets_the_run_that_is_under_way_end(worker, tmp_path):
    deployment, steps = worker.server.deployment(f"{FLOWS}:blocking", worker.pool), tmp_path / "steps"
    run = worker.server.trigger(deployment, seconds=8, file=str(steps))
    until(lambda: worker.states([run]) == {"RUNNING": 1}, "the run is under way", 200, worker.supervise)
    before = worker.said.count(SAYS)
    until(lambda: worker.states([run]) == {"COMPLETED": 1}, "the run is done", 100, worker.supervise)
    assert worker.said.count(SAYS) > before
    assert steps.read_text() == "second step\n"
