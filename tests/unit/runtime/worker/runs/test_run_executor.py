"""How a run ended that this worker took, as far as what was done for it beside its taking is to be undone."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort

from runtime.worker.runs.run_executor import RunExecutor

pytestmark = pytest.mark.unit

RUN = uuid4()


class Server:
    """Has each run in one state."""

    def __init__(self, state: StateType | None = None) -> None:
        self._state = State(type=state) if state else None
        self.asked = 0

    async def read(self, _run_id):
        self.asked += 1
        return self._state


class Lost:
    """Keeps what was settled."""

    def __init__(self) -> None:
        self.settled: list[bool] = []

    async def settle(self, _client, _run_id, _reason, cancelled=False):
        self.settled.append(cancelled)


def ended(server: Server, raised: BaseException | None = None, lost: Lost | None = None, **run: object) -> bool:
    """Whether the run counts as cancelled."""
    parts: list[Any] = [SimpleNamespace(client=None), server, None, None, lost or Lost(), None, None]
    told: Any = SimpleNamespace(**{"cancelled": False, "told": None} | run)
    return asyncio.run(RunExecutor(*parts)._settled_as_cancelled(told, RUN, raised))


@pytest.mark.parametrize(("state", "cancelled"), [(StateType.CANCELLED, True), (StateType.COMPLETED, False)])
def test_a_run_that_was_cancelled_before_its_first_line_counts_as_cancelled_by_what_its_engine_was_told(
    state, cancelled
):
    server = Server(state)
    assert ended(server, told=State(type=state)) is cancelled
    assert server.asked == cancelled  # its session is ended by what the server says


@pytest.mark.parametrize(
    ("state", "cancelled"), [(StateType.CANCELLED, True), (StateType.FAILED, False), (None, False)]
)
def test_so_does_one_whose_engine_was_refused_or_that_had_a_process_of_its_own_by_what_the_server_says(
    state, cancelled
):
    assert ended(Server(state), Abort("it is over")) is cancelled
    assert ended(Server(state)) is cancelled


def test_one_that_is_to_be_cancelled_still_is_settled_and_counts():
    lost = Lost()
    assert ended(Server(StateType.CANCELLING), lost=lost)
    assert ended(Server(), lost=lost, cancelled=True)
    assert lost.settled == [True, True]
