"""When a task is worth running again."""

from datetime import UTC, datetime

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from pool.errors import Refused


async def worth_retrying(task: Task, task_run: TaskRun, state: State) -> bool:  # noqa: ARG001 - Prefect's signature
    """A refusal stays a refusal; anything else may pass the next time."""
    outcome = await state.aresult(raise_on_failure=False)
    return not isinstance(outcome, Refused)


def now() -> datetime:
    """The time, for the rules, which take it as an argument."""
    return datetime.now(UTC)
