"""A run in a process of its own, on a real Prefect server and Prefect's own worker: what kills it, and what follows."""

import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.rigs.services.databases import migrated_sqlite
from tests.rigs.services.prefect_server import ROOT, stop
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

FLOWS = "tests.rigs.stacks.warm_flows"
ENGINE = b"runtime.worker.process_engine"


@pytest.fixture(scope="module")
def deployment(prefect_server):
    """The deployment of a flow that waits for a sign, and a worker that takes its runs."""
    data = Path(prefect_server.env["DD_DATA"])
    data.mkdir(exist_ok=True)
    if not (data / "pool.sqlite").exists():
        (data / "pool.sqlite").write_bytes(migrated_sqlite())
    pool = prefect_server.pool(f"long-{uuid4().hex[:6]}", "process")
    worker = prefect_server.worker(pool, pool, "process")
    job = {"command": f"{sys.executable} -m runtime.worker.process_run", "working_dir": str(ROOT)}
    try:
        yield prefect_server.deployment(f"{FLOWS}:telling", pool, job_variables=job)
    finally:
        stop(worker)


@pytest.fixture
def run(prefect_server, deployment, tmp_path):
    """A run whose flow waits for a sign."""
    run = prefect_server.trigger(deployment, folder=str(tmp_path))
    until((tmp_path / "begun").exists, "the flow's code has begun", 90)
    return run


def processes_of(run: str, program: bytes) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            of_this_run = run.encode() in (process / "environ").read_bytes()
            if of_this_run and program in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


def test_a_run_whose_process_is_killed_is_run_again_and_never_called_crashed(prefect_server, run, tmp_path):
    (tmp_path / "begun").unlink()
    (engine,) = processes_of(run, ENGINE)
    os.kill(engine, signal.SIGKILL)
    until((tmp_path / "begun").exists, "the flow has begun again", 90)
    (tmp_path / "sign").touch()
    assert prefect_server.wait(run, seconds=90)["type"] == "COMPLETED"
    states = prefect_server.call("GET", f"/flow_run_states/?flow_run_id={run}")
    assert [state["type"] for state in states].count("RUNNING") == 2
    assert "CRASHED" not in {state["type"] for state in states}


def test_a_run_that_is_cancelled_ends_so_and_leaves_no_process(prefect_server, run):
    prefect_server.cancel(run)
    assert prefect_server.wait(run, "CANCELLED", seconds=90)
    until(lambda: not processes_of(run, b"runtime.worker.process_"), "both processes have ended", 60)


def test_an_engine_does_not_outlive_the_process_that_watches_it(prefect_server, run):
    (watching,) = processes_of(run, b"runtime.worker.process_run")
    os.kill(watching, signal.SIGKILL)
    until(lambda: not processes_of(run, ENGINE), "the engine has ended", 60)
