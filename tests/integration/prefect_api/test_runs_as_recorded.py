"""What our Prefect server reads and computes less for a run, a platform and an operator see nothing of."""

import pytest

from tests.integration.prefect_api.test_runs_are_taken_once import propose
from tests.rigs.services.guarded_server import GuardedServer
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

FLOW = "tests.rigs.stacks.warm_flows:stamp"


def deployment(server: GuardedServer, pool: str, flow: str, **more) -> str:
    """A deployment of a flow of this name; its id."""
    flow_id = server.call("POST", "/flows/", name=flow)["id"]
    asked = {"name": pool, "flow_id": flow_id, "entrypoint": FLOW, "work_pool_name": server.pool(pool)}
    return server.call("POST", "/deployments/", **asked, **more)["id"]


@pytest.mark.parametrize(
    ("pool", "said", "name"),
    [
        ("named", {"user": "ada", "blueprint": "jupyter", "instance_id": "s-7"}, "provision ada · jupyter · s-7"),
        ("odd", {"user": ["ada"], "instance_id": None}, None),
    ],
)
def test_a_run_has_its_name_and_its_tags_before_a_worker_begins_it(server, pool, said, name):
    asked = deployment(server, pool, "provision-instance", tags=["sessions"])
    run = server.call("GET", f"/flow_runs/{server.trigger(asked, **said)}")
    if name:
        assert run["name"] == name
    told = {"user:ada", "instance:s-7"} if name else set()
    assert {*run["tags"]} == {"sessions"} | told


def test_a_limit_of_a_deployment_holds_from_the_moment_in_which_it_is_set(server):
    asked = deployment(server, "limited", "stamp-limited")
    one, two, three = (server.trigger(asked, file="/dev/null") for _ in range(3))
    assert propose(server, one, "PENDING", "RUNNING", "COMPLETED") == ["ACCEPT"] * 3
    server.call("PATCH", f"/deployments/{asked}", concurrency_limit=1)
    assert propose(server, two, "PENDING", "RUNNING") == ["ACCEPT"] * 2
    assert propose(server, three, "PENDING") == ["REJECT"]
    assert server.call("GET", f"/flow_runs/{three}")["state"]["name"] == "AwaitingConcurrencySlot"
    assert propose(server, two, "COMPLETED") == ["ACCEPT"]
    assert propose(server, three, "PENDING", "RUNNING", "COMPLETED") == ["ACCEPT"] * 3


def test_states_that_are_proposed_at_one_moment_are_all_kept_in_their_order(server):
    run = server.trigger(deployment(server, "in-order", "stamp-in-order"), file="/dev/null")
    propose(server, run, "PENDING", "RUNNING", "COMPLETED")
    states = server.call("GET", f"/flow_run_states/?flow_run_id={run}")
    moments = [state["timestamp"] for state in sorted(states, key=lambda state: state["timestamp"])]
    assert len({*moments}) == 4
    assert [one["type"] for one in states] == ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"]


def test_events_are_kept_once_each_with_all_that_they_are_related_to(server):
    run = server.trigger(deployment(server, "evented", "stamp-evented"), file="/dev/null")
    propose(server, run, "PENDING", "RUNNING", "COMPLETED")
    wanted = {"any_resource": {"id": [f"prefect.flow-run.{run}"]}}

    def kept() -> list[dict]:
        return server.call("POST", "/events/filter", filter=wanted, limit=50)["events"]

    found = until(lambda: found if len(found := kept()) >= 4 else None, "the events are kept", 20)
    names = [event["event"].removeprefix("prefect.flow-run.") for event in found]
    assert sorted(names) == ["Completed", "Pending", "Running", "Scheduled"]
    roles = [{related["prefect.resource.role"] for related in event["related"]} for event in found]
    assert all({"flow", "deployment", "work-queue", "work-pool"} <= one for one in roles)
