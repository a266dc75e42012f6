"""A worker that comes late takes no run that is over: Prefect's server as the stack starts it."""

import pytest

from tests.rigs.services.guarded_server import GuardedServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

FLOW = "tests.rigs.stacks.warm_flows:stamp"


@pytest.fixture(scope="module")
def deployment(server: GuardedServer) -> str:
    return server.deployment(FLOW, server.pool("taken-once"))


def propose(server: GuardedServer, run: str, *states: str) -> list[str]:
    """What the server answers to each state that is proposed, one after the other."""
    asks = ({"type": state, "message": "Taken by worker process 1"} for state in states)
    return [server.call("POST", f"/flow_runs/{run}/set_state", state=ask)["status"] for ask in asks]


@pytest.mark.parametrize("end", ["COMPLETED", "FAILED", "CRASHED"])
def test_a_run_that_is_over_is_not_taken_again_unless_it_is_scheduled_anew(server, deployment, end):
    run = server.trigger(deployment, file="/dev/null")
    assert propose(server, run, "PENDING", "PENDING", "RUNNING", end) == ["ACCEPT", "ABORT", "ACCEPT", "ACCEPT"]
    assert propose(server, run, "PENDING") == ["ABORT"]
    assert server.state(run)["type"] == end
    assert propose(server, run, "SCHEDULED", "PENDING") == ["ACCEPT", "ACCEPT"]
