"""Flow runs that lost their worker, in the books of a real Prefect server."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.outside import standing_in
from blocks.prefect.port import PrefectPort
from pool.store.pool_store import PoolStore
from tasks.housekeeping.lost_runs import rerun_lost_runs
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.services.prefect_server import PrefectServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def rerun(prefect_server, tmp_path):
    """Look for lost runs as if an hour had passed; what was said."""
    store = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}")
    store.upgrade()

    def look(later: timedelta = timedelta(hours=1)) -> str:
        door = fake_outside(prefect=PrefectPort(), clock=FakeClock(datetime.now(UTC) + later), store=store)
        with temporary_settings({PREFECT_API_URL: prefect_server.url}), standing_in(door):
            return asyncio.run(rerun_lost_runs.fn())

    return look


def a_run(server: PrefectServer, *states: str, module: str = "flows.sessions.deprovision_instance") -> str:
    """A run of deprovision-instance that went through these states, and that no worker knows."""
    flow = server.call("POST", "/flows/", name="deprovision-instance")["id"]
    entrypoint = f"{module}.deprovision_instance"
    deployment = server.call("POST", "/deployments/", name=module, flow_id=flow, entrypoint=entrypoint)["id"]
    run = server.trigger(deployment)
    move(server, run, *states)
    return run


def move(server: PrefectServer, run: str, *states: str) -> None:
    for state in states:
        server.call("POST", f"/flow_runs/{run}/set_state", state={"type": state, "name": state.title()}, force=True)


@pytest.mark.parametrize(
    ("states", "becomes", "says"),
    [
        (["PENDING"], "AwaitingRetry", "the worker that took it never began it"),
        (["PENDING", "RUNNING"], "AwaitingRetry", "longer than it can take"),
        (["PENDING", "RUNNING", "CANCELLING"], "Cancelled", "the worker that should end it is gone"),
    ],
    ids=["pending", "running", "cancelling"],
)
def test_a_run_that_lost_its_worker_is_put_right_and_says_why(prefect_server, rerun, states, becomes, says):
    run = a_run(prefect_server, *states)
    assert rerun() == "1 flow runs had lost their worker"
    state = prefect_server.state(run)
    assert (state["name"], says in state["message"]) == (becomes, True)
    assert rerun() == ""


def test_a_run_that_loses_its_worker_again_and_again_fails_with_the_reason(prefect_server, rerun):
    run = a_run(prefect_server)
    for _ in range(4):
        move(prefect_server, run, "PENDING", "RUNNING")
        rerun()
    state = prefect_server.state(run)
    assert (state["type"], "run again 3 times, and is given up" in state["message"]) == ("FAILED", True)


def test_a_run_of_another_project_on_the_server_is_left_alone(prefect_server, rerun):
    run = a_run(prefect_server, "PENDING", module="elsewhere.deprovision_instance")
    assert (rerun(), prefect_server.state(run)["type"]) == ("", "PENDING")
    move(prefect_server, run, "CANCELLED")


def test_a_run_that_just_began_is_left_alone(prefect_server, rerun):
    run = a_run(prefect_server, "PENDING", "RUNNING")
    assert (rerun(timedelta()), prefect_server.state(run)["type"]) == ("", "RUNNING")
    prefect_server.cancel(run)
