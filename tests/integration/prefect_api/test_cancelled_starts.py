"""What Prefect's server has of the runs for one session, one of which is cancelled before a worker has it."""

import asyncio

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import temporary_settings

from blocks.prefect.cancelled_starts import starts_of
from pool.sessions.cancelled import BY_MANAGER, StartRun, StartState, is_cancelled
from tests.integration.prefect_api.test_runs_are_taken_once import propose
from tests.integration.prefect_api.test_runs_as_recorded import deployment
from tests.rigs.services.guarded_server import GuardedServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def starts(server: GuardedServer, session: str, cancelled: str = "") -> dict[str, StartRun]:
    async def ask() -> list[StartRun]:
        with temporary_settings(server.as_a_client):
            async with get_client() as client:
                return await starts_of(client, session, cancelled)

    return {run.id: run for run in asyncio.run(ask())}


def test_a_request_that_is_cancelled_ends_no_session_of_another_and_one_that_the_manager_took_over_does(server):
    asked = deployment(server, "cancelled-starts", "provision-instance")
    first, second = (server.trigger(asked, instance_id="c-1", user="ada") for _ in range(2))
    server.trigger(asked, instance_id="c-10", user="ada")
    propose(server, second, "CANCELLED")
    seen = starts(server, "c-1")
    assert {run: one.state for run, one in seen.items()} == {first: StartState.UNDER_WAY, second: StartState.CANCELLED}
    assert not is_cancelled(seen.values(), seen[first].asked_at)
    said = {"parameters": {"instance_id": "c-1"}, "idempotency_key": BY_MANAGER + "c-1-now"}
    start = server.call("POST", f"/deployments/{asked}/create_flow_run", **said)["id"]
    propose(server, first, "PENDING", "RUNNING", "COMPLETED")
    propose(server, start, "CANCELLED")
    assert is_cancelled(starts(server, "c-1").values(), seen[first].asked_at)
