"""Of a step that is over at once, Prefect's server is told its end; of one that lasts, that it runs."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.states import AwaitingRetry, Completed, Failed, Pending, Running

from runtime.worker.runs.task_states import TaskStates

pytestmark = pytest.mark.unit

SHORT, LONG = 0.01, 0.1


def told(*steps, lasting=LONG) -> list[str]:
    """Names of the states that are told where a task run goes through these, or waits for so many seconds."""
    names: list[str] = []
    run: Any = SimpleNamespace(id=uuid4())

    async def live() -> None:
        states = TaskStates(lambda _run, _before, state, *_: names.append(state.name), lasting)
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                states.tell(run, None, step)

    asyncio.run(live())
    return names


def test_a_step_that_is_over_at_once_is_told_by_its_last_state_alone():
    assert told(Pending(), Running(), Completed()) == ["Completed"]


def test_a_step_that_lasts_is_told_to_run_before_it_is_over():
    assert told(Pending(), Running(), LONG, Completed(), lasting=SHORT) == ["Running", "Completed"]


def test_a_step_that_waits_for_its_beginning_is_told_to():
    assert told(Pending(), LONG, lasting=SHORT) == ["Pending"]


def test_trouble_is_told_at_once():
    assert told(Pending(), Running(), AwaitingRetry(), Running(), Failed()) == ["AwaitingRetry", "Failed"]


def test_a_state_is_told_at_once_where_no_loop_could_tell_it_later():
    names = []
    run: Any = SimpleNamespace(id=1)
    TaskStates(lambda _run, _before, state, *_: names.append(state.name)).tell(run, None, Running())
    assert names == ["Running"]
