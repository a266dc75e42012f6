"""Flows that a warm worker imports ahead of their runs."""

import asyncio
import gc
import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import Flow

from runtime.worker import loaded_flows
from runtime.worker.loaded_flows import LoadedFlows, unknown_parameters

pytestmark = pytest.mark.unit


def test_a_parameter_that_a_flow_does_not_have_is_named_with_those_that_it_has():
    asked = Flow(lambda instance_id, user="": None, name="provision-instance")
    said = "provision-instance has no parameter 'lifetime'; it has instance_id, user"
    assert unknown_parameters(asked, ["instance_id", "lifetime"]) == said
    assert unknown_parameters(asked, ["user", "instance_id"]) == ""
    assert unknown_parameters(Flow(lambda **given: None, name="any"), ["x"]) == ""


class FakeServer:
    """Knows some deployments, or does not answer."""

    def __init__(self, away: bool = False) -> None:
        self._away = away
        self.deployments: list[Any] = []
        self.asked: list[set[UUID]] = []

    async def read_deployments(self, deployment_filter, **_):
        if self._away:
            raise ConnectionError
        self.asked.append({*deployment_filter.id.any_} if deployment_filter.id else set())
        return self.deployments


@pytest.fixture
def _undone():
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.usefixtures("_undone")
def test_the_garbage_collector_passes_over_what_was_imported(away):
    server: Any = FakeServer(away)
    asyncio.run(LoadedFlows().load_ahead(server, "warm", logging.getLogger("test")))
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000


def test_a_deployment_that_had_a_run_is_read_again_with_the_others_and_counts_as_it_is_then():
    server: Any = FakeServer()
    flows, ids = LoadedFlows(), [uuid4(), uuid4()]
    for each in ids:
        flows.keep(deployed(each, "old:flow"))
    server.deployments = [deployed(ids[0], "new:flow")]
    asyncio.run(flows.read_again(server))
    assert server.asked == [{*ids}]
    assert [flows.entrypoint_of(each) for each in ids] == ["new:flow", "old:flow"]


def test_a_server_is_asked_for_no_deployment_before_one_had_a_run():
    server: Any = FakeServer()
    asyncio.run(LoadedFlows().read_again(server))
    assert server.asked == []


def test_a_deployment_that_was_not_read_for_a_while_is_not_known(monkeypatch):
    flows, one = LoadedFlows(), uuid4()
    flows.keep(deployed(one, "old:flow"))
    monkeypatch.setattr(loaded_flows, "KNOWN_SECONDS", 0.0)
    assert flows.entrypoint_of(one) is None


def deployed(deployment: UUID, entrypoint: str) -> Any:
    return SimpleNamespace(id=deployment, entrypoint=entrypoint)
