"""Which states of a task run Prefect's server is told of: the last one, and those before it where they last.

Most steps take milliseconds. Each state that the server is told of costs it about as much time as such a step takes: an
event that is received, distributed, kept, and recorded as a row. The event of the last state carries the whole task
run, with its beginning, so that the UI shows the same step, once it is over or has lasted.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.events import Event

if TYPE_CHECKING:
    from uuid import UUID

LASTING_SECONDS = 1.0
#: What a task run goes through without trouble; every other state is told at once.
USUAL = ("Pending", "Running")

Emit = Callable[..., Event | None]


class TaskStates:
    """Tells of task runs by Prefect's own function, late or not at all.

    Args:
        emit: tells of one state at once.
        lasting: seconds that a usual state lasts until it is told.
    """

    def __init__(self, emit: Emit, lasting: float = LASTING_SECONDS) -> None:
        self._emit = emit
        self._lasting = lasting
        self._untold: dict[UUID, asyncio.TimerHandle] = {}

    def tell(
        self, task_run: TaskRun, initial_state: State | None, validated_state: State, follows: Event | None = None
    ) -> Event | None:
        """Tell of a state now, or when it has lasted; the event, if there is one by now."""
        if untold := self._untold.pop(task_run.id, None):
            untold.cancel()
        if validated_state.name not in USUAL or not (loop := _running_loop()):
            return self._emit(task_run, initial_state, validated_state, follows)
        late = loop.call_later(self._lasting, self._tell_late, task_run, initial_state, validated_state)
        self._untold[task_run.id] = late
        return None

    def _tell_late(self, task_run: TaskRun, *states: Any) -> None:
        del self._untold[task_run.id]
        self._emit(task_run, *states)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
