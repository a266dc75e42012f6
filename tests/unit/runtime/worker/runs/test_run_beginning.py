"""What Prefect's engine asks and says before a flow run begins."""

import asyncio
from typing import Any

import httpx
import pytest
from prefect.client.schemas.objects import FlowRunPolicy

from runtime.worker.runs.run_beginning import RunBeginning

pytestmark = pytest.mark.unit


class Client:
    """Keeps what it is asked and told; a server that is away is what a test says."""

    def __init__(self, away=False):
        self.said = []
        self._away = away

    async def update_flow_run(self, flow_run_id, **facts):
        if self._away:
            raise httpx.ConnectError("Connection refused")
        self.said.append((flow_run_id, facts))

    async def set_flow_run_name(self, flow_run_id, name):
        self.said.append((flow_run_id, name))

    async def read_flow_run(self, flow_run_id):
        return f"record of {flow_run_id}"


NAMED: dict[str, Any] = {"name": "provision ada", "tags": ["user:ada"]}


async def begun(client, policy: Any = None, **recorded: Any) -> str:
    """As the engine begins a run: what it gets for the run's record."""
    known: Any = "as known"
    run: Any = "r-1"
    beginning = RunBeginning(client, lambda: known, {"tags": ["user:ada"]}, recorded)
    await client.update_flow_run("r-1", flow_version="v1", empirical_policy=policy)
    await client.set_flow_run_name("r-1", "provision ada")
    record = await client.read_flow_run("r-1")
    await beginning.say(run)
    return record


def test_a_run_begins_without_a_request_and_all_is_said_by_one_afterwards():
    client = Client()
    assert asyncio.run(begun(client)) == "as known"
    said = {"flow_version": "v1", "empirical_policy": None, "name": "provision ada", "tags": ["user:ada"]}
    assert client.said == [("r-1", said)]


def test_of_a_run_that_is_recorded_with_its_name_and_tags_nothing_is_said():
    client = Client()
    assert asyncio.run(begun(client, FlowRunPolicy(retries=0), **NAMED)) == "as known"
    assert client.said == []


@pytest.mark.parametrize(
    ("policy", "recorded"),
    [(None, NAMED | {"tags": []}), (None, NAMED | {"name": "brave-cat"}), (FlowRunPolicy(retries=2), NAMED)],
    ids=["tags", "name", "retries"],
)
def test_what_the_server_does_not_know_yet_is_said(policy, recorded):
    client = Client()
    asyncio.run(begun(client, policy, **recorded))
    assert [facts["name"] for _, facts in client.said] == ["provision ada"]


def test_what_comes_after_is_the_clients_own_again():
    async def go_on(client):
        await begun(client)
        await client.update_flow_run("r-1", tags=["user:eve"])
        return await client.read_flow_run("r-2")

    client = Client()
    assert asyncio.run(go_on(client)) == "record of r-2"
    assert client.said[-1] == ("r-1", {"tags": ["user:eve"]})


def test_a_run_whose_name_cannot_be_said_goes_on():
    assert asyncio.run(begun(Client(away=True))) == "as known"
