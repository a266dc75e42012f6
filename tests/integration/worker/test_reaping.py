"""Flow runs that lost their worker, in the books of a real Prefect server."""

import asyncio
import logging
from datetime import timedelta

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.housekeeping import lost_runs as reaping
from tasks.retrying import now
from tests.rigs.services.prefect_server import PrefectServer, prefect_server  # noqa: F401 - a fixture is used by name

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def reap(prefect_server, monkeypatch):  # noqa: F811
    """Look for lost runs as if an hour had passed; what was said."""
    monkeypatch.setattr(reaping, "now", lambda: now() + timedelta(hours=1))
    monkeypatch.setattr(reaping, "get_run_logger", lambda: logging.getLogger("test"))

    def look() -> str:
        with temporary_settings({PREFECT_API_URL: prefect_server.url}):
            return asyncio.run(reaping.reap_runs.fn())

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
        (["PENDING", "RUNNING", "CANCELLING"], "CANCELLED", "nobody is left to end it"),
    ],
    ids=["pending", "running", "cancelling"],
)
def test_a_run_that_lost_its_worker_is_put_right_and_says_why(prefect_server, reap, states, ends, says):  # noqa: F811
    run = a_run(prefect_server, *states)
    assert reap() == "1 flow runs had lost their worker"
    state = prefect_server.state(run)
    assert (state["type"], says in state["message"]) == (ends, True)
    assert reap() == ""


def test_a_run_that_just_began_is_left_alone(prefect_server, reap, monkeypatch):  # noqa: F811
    monkeypatch.setattr(reaping, "now", now)
    run = a_run(prefect_server, "PENDING", "RUNNING")
    assert (reap(), prefect_server.state(run)["type"]) == ("", "RUNNING")
    prefect_server.cancel(run)
