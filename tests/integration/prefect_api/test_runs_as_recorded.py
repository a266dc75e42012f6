"""What our Prefect server reads and computes less for a run, a platform and an operator see nothing of."""

import asyncio
from datetime import UTC, datetime

import pytest
from prefect import flow, task
from prefect.settings import temporary_settings

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


@pytest.mark.parametrize("queue", [{}, {"work_queue_name": "another"}])
def test_a_run_that_is_asked_for_is_answered_as_one_that_is_known(server, queue):
    asked = deployment(server, f"answered-{len(queue)}", "stamp-answered", tags=["one"])
    said = {"parameters": {"file": "/dev/null"}, "idempotency_key": f"same-{len(queue)}"} | queue
    made, known = (server.rest.post(f"/deployments/{asked}/create_flow_run", json=said) for _ in range(2))
    assert [made.status_code, known.status_code] == [201, 200]
    now_and_then = {"estimated_start_time_delta": None}  # how late it is
    assert made.json() | now_and_then == known.json() | now_and_then
    assert made.json()["work_queue_name"] == queue.get("work_queue_name", "default")
    assert (made.json()["state"]["type"], made.json()["tags"]) == ("SCHEDULED", ["one"])


def test_a_limit_of_a_deployment_holds_from_the_moment_in_which_it_is_set(server):
    asked = deployment(server, "limited", "stamp-limited")
    one, two, three = (server.trigger(asked, file="/dev/null") for _ in range(3))
    assert propose(server, one, "PENDING", "RUNNING", "COMPLETED") == ["ACCEPT"] * 3
    server.call("PATCH", f"/deployments/{asked}", concurrency_limit=1)
    assert propose(server, two, "PENDING", "RUNNING") == ["ACCEPT"] * 2
    assert propose(server, three, "PENDING") == ["REJECT"]
    assert server.call("GET", f"/flow_runs/{three}")["state"]["name"] == "AwaitingConcurrencySlot"
    assert propose(server, two, "COMPLETED") == ["ACCEPT"]
    assert propose(server, three, "PENDING") == ["ACCEPT"]


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


def test_lines_of_logs_are_kept_as_they_come(server):
    run = server.trigger(deployment(server, "logged", "stamp-logged"), file="/dev/null")
    said = {
        "name": "prefect.flow_runs",
        "level": 20,
        "timestamp": "2026-11-01T01:30:05.123456-04:00",
        "flow_run_id": run,
    }
    lines = [said | {"message": f"line {number}\x00"} for number in range(3)]
    server.rest.post("/logs/", json=lines).raise_for_status()
    assert sorted(server.logs(run)) == ["line 0", "line 1", "line 2"]
    kept = server.call("POST", "/logs/filter", logs={"flow_run_id": {"any_": [run]}})
    assert {datetime.fromisoformat(line["timestamp"]) for line in kept} == {
        datetime(2026, 11, 1, 5, 30, 5, 123456, UTC)
    }


@task(name="one-step")
def one_step() -> int:
    return 1


@flow(name="of-two-steps")
async def of_two_steps() -> None:
    one_step()
    one_step()


def test_each_state_of_each_step_is_kept_once(server):
    with temporary_settings(server.as_a_client):
        asyncio.run(of_two_steps())
    wanted = {"name": {"like_": "one-step"}, "state": {"type": {"any_": ["COMPLETED"]}}}

    def done() -> list[dict] | None:
        found = server.call("POST", "/task_runs/filter", task_runs=wanted)
        return found if len(found) == 2 else None

    for step in until(done, "the steps are recorded", 30):
        states = server.call("GET", f"/task_run_states/?task_run_id={step['id']}")
        assert sorted(state["type"] for state in states) == ["COMPLETED", "PENDING", "RUNNING"]
