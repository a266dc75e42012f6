"""The places of a warm worker: so many for what is asked for, and some that only housekeeping takes.

Requests of platforms may fill every place and wait in it for minutes. Housekeeping, which frees the room that they wait
for, must not stand in line behind them; nor do they stand in line behind what it starts ahead of any request.
"""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

from pool.reports.run_tags import BACKGROUND
from runtime.worker.prefect_internals import OpenWorker

if TYPE_CHECKING:
    from uuid import UUID

#: Places beside the others that only runs of schedules take: one tick, and the next should the first be stuck.
FOR_SCHEDULES = 2
#: Places beside the others for what housekeeping asks for ahead of any request: a pool starts four standbys at a time.
FOR_BACKGROUND = 8
BESIDE = FOR_SCHEDULES + FOR_BACKGROUND


class Kind(Enum):
    """What a run is to the places, in the order in which runs that are due begin."""

    SCHEDULE = "of a schedule"
    REQUEST = "asked for"
    BACKGROUND = "ahead of any request"


def kind_of(run: FlowRun) -> Kind:
    """Tell it by what the server has of the run."""
    if run.auto_scheduled:
        return Kind.SCHEDULE
    return Kind.BACKGROUND if BACKGROUND in run.tags else Kind.REQUEST


class Places:
    """Who may begin.

    Args:
        worker: whose runs these are.
        most: runs at the same time that are asked for.
    """

    def __init__(self, worker: OpenWorker, most: int) -> None:
        self._worker = worker
        self._most = {Kind.REQUEST: most, Kind.BACKGROUND: FOR_BACKGROUND}
        self._beside: dict[UUID, Kind] = {}  # of runs that are under way, those that are no requests

    def of(self, due: Sequence[WorkerFlowRunResponse]) -> list[WorkerFlowRunResponse]:
        """Those of the due runs that may begin now: of schedules first, then requests, then what is started ahead."""
        new = [response for response in due if response.flow_run.id not in self._worker.taken]
        self._beside = {run: kind for run, kind in self._beside.items() if run in self._worker.taken}
        begin = {kind: [response for response in new if kind_of(response.flow_run) is kind] for kind in Kind}
        for kind, most in self._most.items():
            del begin[kind][max(0, most - self._under_way(kind)) :]
        for kind in (Kind.SCHEDULE, Kind.BACKGROUND):
            self._beside |= {response.flow_run.id: kind for response in begin[kind]}
        return [response for several in begin.values() for response in several]

    def may_have_been_full(self) -> bool:
        """Whether runs may have waited for the place that was given back a moment ago."""
        was_full = [self._under_way(kind) == most - 1 for kind, most in self._most.items()]
        return self._worker.limiter.available_tokens == 1 or any(was_full)

    def _under_way(self, kind: Kind) -> int:
        """How many runs of a kind have a place."""
        taken = self._worker.taken
        if kind is Kind.REQUEST:
            return len(taken - self._beside.keys())
        return sum(known is kind and run in taken for run, known in self._beside.items())
