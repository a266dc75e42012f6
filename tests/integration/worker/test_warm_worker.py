"""What a warm worker does, seen from outside: a real server, real workers, Prefect's REST API."""

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from uuid import uuid4

import httpx
import pytest

from pool.store.pool_store import PoolStore
from tests.rigs.present import present
from tests.rigs.services.prefect_server import ROOT, PrefectServer, stop, stop_all
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]  # the first one starts the server, too

FLOWS = "tests.rigs.stacks.warm_flows"


class Bench:
    """One work pool with its workers."""

    def __init__(self, server: PrefectServer):
        self.server = server
        self.pool = server.pool(f"warm-{uuid4().hex[:6]}")
        self.workers: list[Popen] = []
        self.data = Path(server.env["DD_DATA"])

    def worker(self):
        """Start one more worker and wait until it looks for runs."""
        self.workers.append(self.server.worker(self.pool, f"{self.pool}-{len(self.workers)}"))
        online = f"/work_pools/{self.pool}/workers/filter"
        until(lambda: len(self.server.call("POST", online)) == len(self.workers), "the worker is online", 120)
        return self.workers[-1]

    def deploy(self, flow: str) -> str:
        return self.server.deployment(f"{FLOWS}:{flow}", self.pool)

    def trigger(self, flow: str, **parameters) -> str:
        return self.server.trigger(self.deploy(flow), **parameters)


@pytest.fixture(scope="module")
def bench(prefect_server):
    bench = Bench(prefect_server)
    bench.worker()
    yield bench
    stop_all(bench.workers)


@pytest.fixture
def idle(prefect_server):
    """A pool whose workers the test starts itself."""
    idle = Bench(prefect_server)
    yield idle
    stop_all(idle.workers)


def test_a_run_completes_and_its_logs_are_on_the_server(bench):
    run = bench.trigger("stamp")
    assert bench.server.wait(run)["type"] == "COMPLETED"
    until(lambda: any("stamped in" in line for line in bench.server.logs(run)), "the flow's own log line")


def test_a_flow_that_is_not_async_runs_too(bench):
    assert bench.server.wait(bench.trigger("plain"))["type"] == "COMPLETED"


def test_a_flow_that_fails_says_why(bench):
    state = bench.server.wait(bench.trigger("failing"))
    assert (state["type"], "out of clouds" in state["message"]) == ("FAILED", True)


def test_a_parameter_that_the_flow_does_not_have_is_refused_in_a_sentence(bench):
    state = bench.server.wait(bench.trigger("blocking", seconds=0, minutes=1))
    said = "blocking has no parameter 'minutes'; it has seconds, file"
    assert (state["type"], state["message"]) == ("FAILED", said)


def test_a_blocked_run_holds_up_no_other(bench):
    blocked = bench.trigger("blocking", seconds=15)
    bench.server.wait(blocked, "RUNNING")
    assert bench.server.wait(bench.trigger("stamp"))["type"] == "COMPLETED"
    assert bench.server.state(blocked)["type"] == "RUNNING"


def test_a_run_has_its_tags_at_once_and_while_it_is_running(bench):
    run = bench.trigger("waiting", seconds=60, user="ada")
    tags = [bench.server.call("GET", f"/flow_runs/{run}")["tags"]]
    bench.server.wait(run, "RUNNING")
    tags.append(bench.server.call("GET", f"/flow_runs/{run}")["tags"])
    assert tags == [["user:ada"]] * 2
    bench.server.cancel(run)


def test_a_run_that_waits_is_cancelled_at_once(bench):
    run = bench.trigger("waiting", seconds=60)
    bench.server.wait(run, "RUNNING")
    bench.server.cancel(run)
    assert bench.server.wait(run, seconds=30)["name"] == "Cancelled"


def test_a_run_that_a_platform_marks_as_cancelled_itself_goes_on_no_more(bench):
    run = bench.trigger("waiting", seconds=300)
    bench.server.wait(run, "RUNNING")
    bench.server.call("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLED"})
    store = PoolStore.open(f"sqlite:///{bench.data / 'pool.sqlite'}")
    store.upgrade()
    store.close()
    until(lambda: not [*bench.data.glob(f"runs/*/{run}")], "the worker is done with it", 60)
    assert bench.server.state(run)["type"] == "CANCELLED"


def test_a_blocked_run_is_cancelled_when_its_call_returns(bench, tmp_path: Path):
    run = bench.trigger("blocking", seconds=10, file=str(tmp_path / "steps"))
    until(lambda: "blocking" in bench.server.logs(run), "the run is in its call")
    bench.server.cancel(run)
    assert bench.server.wait(run)["name"] == "Cancelled"
    assert not (tmp_path / "steps").exists()


def test_a_flow_that_cannot_be_imported_fails_with_a_sentence(bench):
    run = bench.server.trigger(bench.server.deployment("tests.rigs.no_such_module:flow", bench.pool))
    state = bench.server.wait(run)
    assert state["type"] == "FAILED"
    assert "cannot be loaded: No module named 'tests.rigs.no_such_module'" in state["message"]


def test_parameters_that_do_not_fit_leave_no_run_behind(bench):
    run = bench.trigger("waiting")
    assert bench.server.wait(run)["type"] in ("FAILED", "CRASHED")


def test_of_twenty_requests_at_once_none_is_refused_or_lost(bench):
    deployment = bench.deploy("stamp")
    ask = f"{bench.server.url}/deployments/{deployment}/create_flow_run"
    with ThreadPoolExecutor(20) as platform:
        answers = list(platform.map(lambda _: httpx.post(ask, json={}, timeout=60, trust_env=False), range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    for answer in answers:
        assert bench.server.wait(answer.json()["id"], seconds=90)["type"] == "COMPLETED"


def test_a_paused_queue_holds_its_runs_back(idle):
    queue = idle.server.call("GET", f"/work_pools/{idle.pool}/queues/default")
    idle.server.rest.patch(f"/work_pools/{idle.pool}/queues/default", json={"is_paused": True}).raise_for_status()
    idle.worker()
    run = idle.trigger("stamp")
    time.sleep(4)
    assert (queue["is_paused"], idle.server.state(run)["type"]) == (False, "SCHEDULED")


@pytest.mark.nightly  # what each asks the server for is tested without any (prefect_api/test_runs_are_taken_once)
def test_two_workers_run_each_run_once(idle, tmp_path: Path):
    runs = [idle.trigger("stamp", file=str(tmp_path / "stamps")) for _ in range(12)]
    idle.worker(), idle.worker()
    for run in runs:
        idle.server.wait(run, seconds=60)
    begun = Counter(line.split()[0] for line in (tmp_path / "stamps").read_text().splitlines())
    assert begun == dict.fromkeys(runs, 1)


def test_of_a_schedule_only_the_newest_late_run_is_run(idle):
    late = six_late_runs_of_a_schedule(idle)
    newest = max(late, key=late.__getitem__)
    idle.worker()
    ended = {run: idle.server.wait(run)["name"] for run in late}
    assert ended == dict.fromkeys(late, "Skipped") | {newest: "Completed"}


def six_late_runs_of_a_schedule(bench: Bench) -> dict[str, str]:
    """Deploy with a schedule that was due six times in the last minute; the runs and when each was due."""
    return scheduled(bench, "stamp", 6)


def scheduled(bench: Bench, flow: str, count: int, **parameters) -> dict[str, str]:
    """Deploy with a schedule that was due so many times in the last minute; the runs and when each was due."""
    begun = datetime.now(UTC) - timedelta(minutes=1)
    rule = f"DTSTART:{begun:%Y%m%dT%H%M%S}\nRRULE:FREQ=SECONDLY;INTERVAL=10;COUNT={count}"
    schedules = [{"schedule": {"rrule": rule, "timezone": "UTC"}, "active": True}]
    more = {"schedules": schedules, "parameters": parameters}
    deployment = bench.server.deployment(f"{FLOWS}:{flow}", bench.pool, **more)
    window = {"start_time": (begun - timedelta(minutes=1)).isoformat(), "end_time": datetime.now(UTC).isoformat()}
    bench.server.call("POST", f"/deployments/{deployment}/schedule", **window, min_runs=count)
    runs = bench.server.call("POST", "/flow_runs/filter", flow_runs={"deployment_id": {"any_": [deployment]}})
    assert len(runs) == count
    return {run["id"]: run["expected_start_time"] for run in runs}


def test_a_tick_that_computes_holds_up_no_request(bench):
    (tick,) = scheduled(bench, "computing", 1, seconds=40)
    bench.server.wait(tick, "RUNNING")
    assert [bench.server.wait(bench.trigger("stamp"))["type"] for _ in range(3)] == ["COMPLETED"] * 3
    assert bench.server.state(tick)["type"] == "RUNNING"
    bench.server.cancel(tick)
    assert bench.server.wait(tick)["name"] == "Cancelled"


def test_a_worker_that_is_stopped_lets_its_run_end(idle):
    worker = idle.worker()
    run = idle.trigger("blocking", seconds=3)
    idle.server.wait(run, "RUNNING")
    assert stop(worker) == 0
    assert idle.server.state(run)["type"] == "COMPLETED"


@pytest.fixture
def store(idle, tmp_path):
    """The pool's database of the workers that the test starts."""
    idle.server.env["DD_DATA"] = str(tmp_path)
    store = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}")
    store.upgrade()
    yield store
    store.close()


def test_the_run_of_a_killed_worker_is_run_again_by_its_successor(idle, store, tmp_path):
    worker, run = idle.worker(), idle.trigger("second_time_lucky", file=str(tmp_path / "stamps"))
    until((tmp_path / "stamps").exists, "the flow's code has begun")
    store.leases.take("starting of alice", f"flow run {run}", 600, datetime.now(UTC))
    worker.kill()
    idle.worker()
    assert idle.server.wait(run, seconds=60)["type"] == "COMPLETED"
    assert (tmp_path / "stamps").read_text().split() == [run, run]
    assert store.leases.take("starting of alice", "another run", 60, datetime.now(UTC)) is None


def test_a_second_worker_of_the_same_name_stands_by_and_takes_over_when_the_first_is_killed(idle, store, tmp_path):
    name, worker = f"{idle.pool}-0", idle.worker()
    idle.workers.append(idle.server.worker(idle.pool, name))
    until(lambda: "this one stands by" in (idle.server.home / f"{name}.log").read_text(), "it stands by", 60)
    run = idle.trigger("second_time_lucky", file=str(tmp_path / "stamps"))
    until((tmp_path / "stamps").exists, "the flow's code has begun")
    worker.kill()
    assert idle.server.wait(run, seconds=60)["type"] == "COMPLETED"
    assert (tmp_path / "stamps").read_text().split() == [run, run]


@pytest.mark.nightly  # two workers; that the second one stands by is in the test above
def test_a_worker_that_stands_by_ends_when_it_is_asked_to(idle):
    name = f"{idle.pool}-0"
    idle.worker()
    idle.workers.append(idle.server.worker(idle.pool, name))
    until(lambda: "this one stands by" in (idle.server.home / f"{name}.log").read_text(), "it stands by", 60)
    assert stop(idle.workers.pop()) == 0


@pytest.mark.nightly  # five workers; what the last one does is tested without any (unit/runtime/worker/runs)
@pytest.mark.timeout(700)
def test_a_run_that_kills_its_worker_each_time_fails_with_the_reason(idle, store):
    run = idle.trigger("deadly")
    for _ in range(4):
        until(idle.worker().poll, "the worker has died", 120)  # the next one has its name, and counts as online at once
        idle.workers.pop()
    idle.worker()
    state = idle.server.wait(run, seconds=120)
    assert (state["type"], "is given up" in state["message"]) == ("FAILED", True)


def test_a_run_that_a_stopped_worker_cannot_await_is_run_again_by_another(idle, store, tmp_path):
    worker, run = idle.worker(), idle.trigger("second_time_lucky", file=str(tmp_path / "stamps"))
    until((tmp_path / "stamps").exists, "the flow's code has begun")
    assert stop(worker) == 0
    assert idle.server.state(run)["name"] == "AwaitingRetry"
    idle.worker()
    assert idle.server.wait(run, seconds=60)["type"] == "COMPLETED"


def test_a_worker_whose_run_waits_for_a_call_ends_once_it_has_given_the_run_up(idle, store, tmp_path):
    """Python itself would wait for that call, for ten minutes here."""
    worker, run = idle.worker(), idle.trigger("calling", seconds=600, file=str(tmp_path / "begun"))
    until((tmp_path / "begun").exists, "the flow's code has begun")
    assert stop(worker, seconds=120) == 0
    assert idle.server.state(run)["name"] == "AwaitingRetry"


def test_a_worker_outlives_a_restart_of_the_server(bench):
    bench.server.stop()
    bench.server.start()
    assert bench.server.wait(bench.trigger("stamp"))["type"] == "COMPLETED"
    waiting = bench.trigger("waiting", seconds=60)
    bench.server.wait(waiting, "RUNNING")
    bench.server.cancel(waiting)
    assert bench.server.wait(waiting, seconds=30)["name"] == "Cancelled"
    assert bench.workers[0].poll() is None


def test_what_was_accepted_before_the_server_was_killed_is_done_when_it_is_back(bench, tmp_path):
    telling = bench.trigger("telling", folder=str(tmp_path))
    until((tmp_path / "begun").exists, "the flow's code has begun")
    burst = [bench.trigger("stamp") for _ in range(6)]
    out_of_sight(bench.server, tmp_path)
    ended = {run: bench.server.wait(run, seconds=90)["type"] for run in (telling, *burst)}
    assert ended == dict.fromkeys((telling, *burst), "COMPLETED")
    assert bench.server.call("GET", f"/artifacts/told-{telling}/latest")["data"] == "told"
    until(lambda: "the sign was seen" in bench.server.logs(telling), "the log of the outage")


def test_a_run_in_a_process_of_its_own_goes_on_while_the_server_is_away(prefect_server, tmp_path):
    pool = prefect_server.pool(f"long-{uuid4().hex[:6]}", "process")
    worker = prefect_server.worker(pool, pool, "process")
    job = {"command": f"{sys.executable} -m runtime.worker.process_run", "working_dir": str(ROOT)}
    run = prefect_server.trigger(
        prefect_server.deployment(f"{FLOWS}:telling", pool, job_variables=job), folder=str(tmp_path)
    )
    try:
        until((tmp_path / "begun").exists, "the flow's code has begun", 90)
        out_of_sight(prefect_server, tmp_path)
        assert prefect_server.wait(run, seconds=90)["type"] == "COMPLETED"
    finally:
        stop(worker)


def out_of_sight(server: PrefectServer, sign: Path) -> None:
    """Kill the server, give the flow its sign, and start the server when the flow has long wanted to tell it."""
    process = present(server.process)
    process.kill()
    process.wait()
    (sign / "sign").touch()
    until((sign / "seen").exists, "the flow goes on")
    time.sleep(3)
    server.start()
