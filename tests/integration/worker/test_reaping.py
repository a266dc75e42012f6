"""Flow runs that lost their worker, in the books of a real Prefect server."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.outside import standing_in
from blocks.prefect_port import PrefectPort
from tasks.housekeeping.lost_runs import reap_runs
from tests.rigs.fakes import FakeClock, fake_outside
from tests.rigs.services.prefect_server import PrefectServer, prefect_server  # noqa: F401 - a fixture is used by name

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


class NoStore:
    """Nothing is written."""

    writes = 0


@pytest.fixture
def reap(prefect_server):  # noqa: F811
    """Look for lost runs as if an hour had passed; what was said."""

    def look(later: timedelta = timedelta(hours=1)) -> str:
        door = fake_outside(prefect=PrefectPort(), clock=FakeClock(datetime.now(UTC) + later), store=NoStore())
        with temporary_settings({PREFECT_API_URL: prefect_server.url}), standing_in(door):
            return asyncio.run(reap_runs.fn())

    return look


def a_run(server: PrefectServer, *states: str) -> str:
    """A run of deprovision-instance that went through these states, and that no worker knows."""
    flow = server.call("POST", "/flows/", name="deprovision-instance")["id"]
    deployment = server.call("POST", "/deployments/", name="on-demand", flow_id=flow)["id"]
    run = server.trigger(deployment)
    for state in states:
        server.call("POST", f"/flow_runs/{run}/set_state", state={"type": state, "name": state.title()}, force=True)
    return run


@pytest.mark.parametrize(
    ("states", "ends", "says"),
    [
        (["PENDING"], "CRASHED", "the worker that took it never began it"),
        (["PENDING", "RUNNING"], "CRASHED", "longer than it can take"),
        (["PENDING", "RUNNING", "CANCELLING"], "CANCELLED", "the worker that should end it is gone"),
    ],
    ids=["pending", "running", "cancelling"],
)
def test_a_run_that_lost_its_worker_is_put_right_and_says_why(prefect_server, reap, states, ends, says):  # noqa: F811
    run = a_run(prefect_server, *states)
    assert reap() == "1 flow runs had lost their worker"
    state = prefect_server.state(run)
    assert (state["type"], says in state["message"]) == (ends, True)
    assert reap() == ""


def test_a_run_that_just_began_is_left_alone(prefect_server, reap):  # noqa: F811
    run = a_run(prefect_server, "PENDING", "RUNNING")
    assert (reap(timedelta()), prefect_server.state(run)["type"]) == ("", "RUNNING")
    prefect_server.cancel(run)
