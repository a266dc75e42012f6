"""What the campaigns that kill read of a real server: the history of runs, and the events that told of changes."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from pool.store.pool_store import PoolStore
from tests.reliability.accepted import Age, Request
from tests.reliability.ledger import Ledger
from tests.reliability.traffic import ASK, END, Traffic
from tests.rigs.services.prefect_server import PrefectServer
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def stack(prefect_server, tmp_path) -> Stack:
    return Stack(tmp_path, 1, prefect_server.port)


@pytest.fixture
def ledger(stack, tmp_path) -> Ledger:
    store = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}")
    store.upgrade()
    return Ledger(stack, store)


def deployment_of(server: PrefectServer, flow: str) -> str:
    flow_id = server.call("POST", "/flows/", name=flow)["id"]
    made = server.call("POST", "/deployments/", name="on-demand", flow_id=flow_id, entrypoint="flows.sessions.why.why")
    return made["id"]


def test_a_run_that_crashed_and_then_completed_has_ended_twice(prefect_server, ledger):
    run = prefect_server.trigger(deployment_of(prefect_server, "twice"))
    for state in ("CRASHED", "COMPLETED"):
        body = {"type": state, "name": state.title()}
        prefect_server.call("POST", f"/flow_runs/{run}/set_state", state=body, force=True)
    assert ledger.run(run).finals == ("Crashed", "Completed")


def test_two_events_of_one_change_are_found(prefect_server, ledger):
    run = prefect_server.trigger(deployment_of(prefect_server, "told"))
    request = Request(Age.POSTED, "alice-1", run)
    told = {
        "event": "dockerdriver.instance.running",
        "resource": {"prefect.resource.id": "dockerdriver.instance.alice-1"},
        "occurred": datetime.now(UTC).isoformat(),
    }
    for _ in range(2):
        assert prefect_server.rest.post("/events", json=[told | {"id": str(uuid4())}]).is_success
    said = until(lambda: ledger.told_twice([request]), "the events are on the server", 60)
    assert said == ["dockerdriver.instance.running of dockerdriver.instance.alice-1 was told 2 times"]


def test_what_was_answered_with_201_is_accepted(prefect_server, stack):
    for flow in ("provision-instance", "deprovision-instance"):
        deployment_of(prefect_server, flow)
    with Traffic(stack, per_second=20, mix=(ASK, END)) as traffic:
        until(lambda: any(request.ends for request in traffic.accepted), "a session is asked to end", 60)
    asked = {request.session for request in traffic.accepted if not request.ends}
    assert {request.session for request in traffic.accepted if request.ends} <= asked
    assert all(prefect_server.state(request.run)["type"] == "SCHEDULED" for request in traffic.accepted)
