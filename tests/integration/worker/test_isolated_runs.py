"""A warm worker whose work pool wants a process for each run."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from uuid import uuid4

import pytest

from pool.store.pool_store import PoolStore
from runtime.stack.registration import closed_template
from runtime.worker.prefect_internals import ISOLATED
from tests.rigs.pool_data import ask, claim_active, place
from tests.rigs.services.prefect_server import PrefectServer, stop
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]  # the first one starts the server, too

FLOWS = "tests.rigs.stacks.warm_flows"


class Isolating:
    """A work pool with that setting, as `make up` makes it, and one worker."""

    def __init__(self, server: PrefectServer, data: Path) -> None:
        self.server, self.data, self.pool = server, data, f"alone-{uuid4().hex[:6]}"
        template = closed_template(**{ISOLATED: True})
        server.call("POST", "/work_pools/", name=self.pool, type="dockerdriver-warm", base_job_template=template)
        self.process: Popen = server.worker(self.pool, self.pool)
        until(lambda: server.call("POST", f"/work_pools/{self.pool}/workers/filter"), "the worker is online", 120)

    def trigger(self, flow: str, **parameters) -> str:
        return self.server.trigger(self.server.deployment(f"{FLOWS}:{flow}", self.pool), **parameters)

    def stands_for_start(self, flow: str) -> str:
        """Make a deployment of a flow that the server knows as that which starts sessions; its id."""
        of = self.server.call("POST", "/flows/", name="provision-instance")["id"]
        more = {"name": flow, "flow_id": of, "entrypoint": f"{FLOWS}:{flow}", "work_pool_name": self.pool}
        return self.server.call("POST", "/deployments/", **more)["id"]


@pytest.fixture(scope="module")
def worker(prefect_server, tmp_path_factory) -> Iterator[Isolating]:
    data = tmp_path_factory.mktemp("alone")
    PoolStore.open(f"sqlite:///{data / 'pool.sqlite'}").upgrade()
    before = dict(prefect_server.env)
    prefect_server.env["DD_DATA"] = str(data)
    worker = Isolating(prefect_server, data)
    yield worker
    prefect_server.env = before
    stop(worker.process)


def test_a_run_has_a_process_of_its_own_that_ends_with_it(worker, tmp_path):
    run = worker.trigger("processes", file=str(tmp_path / "processes"))
    assert worker.server.wait(run, seconds=120)["type"] == "COMPLETED"
    its_own, parent = map(int, (tmp_path / "processes").read_text().split())
    assert parent == worker.process.pid
    until(lambda: not is_alive(its_own), "its process has ended")


@pytest.mark.nightly  # four processes; each is settled as that of a killed worker (unit/runtime/worker/runs)
def test_a_run_that_kills_its_process_is_run_again_until_it_is_given_up_and_the_worker_goes_on(worker):
    state = worker.server.wait(worker.trigger("deadly"), seconds=240)
    assert (state["type"], "is given up" in state["message"]) == ("FAILED", True)
    assert worker.process.poll() is None


def test_a_run_that_is_cancelled_ends_so_with_its_process(worker):
    run = worker.trigger("waiting", seconds=600)
    worker.server.wait(run, "RUNNING", seconds=120)
    worker.server.cancel(run)
    worker.server.wait(run, "CANCELLED")
    until(lambda: not children(worker.process.pid), "its process has ended")


def test_a_cancelled_session_is_not_left_to_be_started_where_its_undoing_takes_so_long_that_it_is_killed(
    worker, tmp_path
):
    store = PoolStore.open(f"sqlite:///{worker.data / 'pool.sqlite'}")
    claim_active(store)
    ask(store)
    place(store)
    run = worker.server.trigger(
        worker.stands_for_start("undoing_for_ever"), instance_id="alice-1", file=str(tmp_path / "began")
    )
    until((tmp_path / "began").exists, "its process undoes", 120)
    worker.server.cancel(run)
    worker.server.wait(run, "CANCELLED")
    assert (store.instances.get("alice-1").state, children(worker.process.pid)) == ("stopping", [])
    store.close()


def test_runs_end_with_the_worker_that_is_killed(worker):
    run = worker.trigger("waiting", seconds=600)
    worker.server.wait(run, "RUNNING", seconds=120)
    (child,) = children(worker.process.pid)
    worker.process.kill()
    until(lambda: not is_alive(child), "its process has ended")


def is_alive(pid: int) -> bool:
    """Whether a process computes or waits: one that has ended may still be listed, until its parent has read how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes that another one has begun, and that have not ended."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
