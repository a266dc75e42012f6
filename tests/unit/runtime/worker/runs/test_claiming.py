"""How a worker takes a run from a server that answers late, or not at all."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus, StateAbortDetails, StateAcceptDetails
from prefect.states import Pending, Scheduled

from runtime.worker.runs import run_executor
from runtime.worker.runs.run_executor import RunExecutor
from runtime.worker.runs.run_states import RunStates

pytestmark = pytest.mark.unit

RUN = FlowRun(id=UUID(int=1), flow_id=UUID(int=7), state=Scheduled())
OTHERS: State = Pending(message="Taken by worker process another")


class LateServer:
    """Does not answer the first proposal in time, and carries it out when the next one comes."""

    def __init__(self, meanwhile: State | None = None) -> None:
        self.state: State = Scheduled()
        self.proposals = 0
        self._meanwhile = meanwhile
        self._late: State | None = None

    async def set_flow_run_state(self, _id: UUID, state: State, **_: Any) -> OrchestrationResult:
        self.proposals += 1
        if self.proposals == 1:
            self._late = state
            raise httpx.ReadTimeout("no answer in time")
        self.state = self._meanwhile or self._late or state
        details: Any = StateAbortDetails(reason="This run is already pending")
        return OrchestrationResult(state=None, status=SetStateStatus.ABORT, details=details)

    async def read_flow_run(self, _id: UUID) -> FlowRun:
        return RUN.model_copy(update={"state": self.state})


class PromptServer(LateServer):
    async def set_flow_run_state(self, _id: UUID, state: State, **_: Any) -> OrchestrationResult:
        self.state, accepted = state, StateAcceptDetails()
        return OrchestrationResult(state=state, status=SetStateStatus.ACCEPT, details=accepted)


def claimed(server: LateServer) -> bool:
    worker: Any = SimpleNamespace(client=server, log=logging.getLogger("test"))
    notes: Any = SimpleNamespace(folder=SimpleNamespace(name="ours"))
    nothing: Any = None
    executor = RunExecutor(worker, RunStates(worker), nothing, notes, nothing, nothing, nothing)
    return asyncio.run(executor._claim(RUN))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(run_executor, "RECONNECT_SECONDS", 0.01)


def test_a_run_that_the_server_lets_a_worker_have_is_its():
    assert claimed(PromptServer())


def test_a_run_is_its_own_though_the_server_said_so_too_late_and_only_later():
    assert claimed(server := LateServer())
    assert server.proposals == 2


def test_a_run_that_another_worker_got_meanwhile_is_left_to_it():
    assert not claimed(LateServer(meanwhile=OTHERS))
