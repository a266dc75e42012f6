"""Prefect's server with some runs on its books, for tests of what looks at the runs of others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Running

from tests.rigs.fakes import FakePrefect
from tests.rigs.pool_data import NOW


def a_run(state: State | None = None, number: int = 1, key: str = "", **parameters: object) -> FlowRun:
    """A flow run with this state, id, idempotency key and parameters."""
    state = state or Running(timestamp=NOW)
    due: datetime = state.state_details.scheduled_time or NOW
    run = FlowRun(id=UUID(int=number), flow_id=UUID(int=7), state=state, expected_start_time=due, parameters=parameters)
    return run.model_copy(update={"idempotency_key": key})


class Books(FakePrefect):
    """The server, which answers with those of these runs that are in a state that is asked for, whatever else is."""

    def __init__(self, *runs: FlowRun) -> None:
        super().__init__()
        self.runs = list(runs)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        yield self

    async def read_flow_runs(self, *, flow_run_filter: FlowRunFilter | None = None, **_wanted: object) -> list[FlowRun]:
        asked = flow_run_filter and flow_run_filter.state
        types = asked.type.any_ if asked and asked.type else None
        return [run for run in self.runs if types is None or (run.state and run.state.type in types)]
