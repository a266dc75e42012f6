"""The places of a warm worker: so many for what is asked for, and some that only schedules take.

Requests of platforms may fill every place and wait in it for minutes. Housekeeping, which frees the room that they wait
for, must not stand in line behind them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect.client.schemas.responses import WorkerFlowRunResponse

from runtime.worker.prefect_internals import OpenWorker

if TYPE_CHECKING:
    from uuid import UUID

#: Places beside the others that only runs of schedules take: one tick, and the next should the first be stuck.
FOR_SCHEDULES = 2


class Places:
    """Who may begin.

    Args:
        worker: whose runs these are.
        most: runs at the same time that are not of a schedule.
    """

    def __init__(self, worker: OpenWorker, most: int) -> None:
        self._worker, self._most = worker, most
        self._of_schedules: set[UUID] = set()

    def of(self, due: Sequence[WorkerFlowRunResponse]) -> list[WorkerFlowRunResponse]:
        """Those of the due runs that may begin now: of schedules first, then others as far as they have a place."""
        new = [response for response in due if response.flow_run.id not in self._worker.taken]
        scheduled = [response for response in new if response.flow_run.auto_scheduled]
        self._of_schedules &= self._worker.taken
        self._of_schedules |= {response.flow_run.id for response in scheduled}
        others = [response for response in new if not response.flow_run.auto_scheduled]
        return [*scheduled, *others[: max(0, self._most - self._others_under_way())]]

    def may_have_been_full(self) -> bool:
        """Whether runs may have waited for the place that was given back a moment ago."""
        return self._worker.limiter.available_tokens == 1 or self._others_under_way() == self._most - 1

    def _others_under_way(self) -> int:
        return len(self._worker.taken - self._of_schedules)
