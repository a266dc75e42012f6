"""How a warm worker finds its runs: Prefect's event stream tells of each at once, a poll finds what that missed."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

import anyio
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.states import Cancelled

from runtime.worker.prefect_internals import OpenWorker
from runtime.worker.runs.late_runs import only_the_newest_of_each_schedule
from runtime.worker.runs.run_states import RECONNECT_SECONDS, RunStates
from runtime.worker.runs.told_runs import ToldRuns

#: Clocks that differ by less do so by the way of an event.
AHEAD_FROM = timedelta(seconds=0.5)
SCHEDULED, CANCELLING = "prefect.flow-run.Scheduled", "prefect.flow-run.Cancelling"


class RunFinder:
    """Listens for runs of the worker's pool, and says which of those that are due are worth running."""

    def __init__(self, worker: OpenWorker, states: RunStates, begin: Callable[..., Awaitable]) -> None:
        self._worker = worker
        self._states = states
        self._begin = begin
        self._told = ToldRuns(self._read, self._take)
        self._unlimited = False
        self.stopped = False
        self.hears = False  # whether the event stream is there
        self._ahead = timedelta()  # by which the server's clock is ahead of this machine's, as its last event had it

    @property
    def needs_no_poll(self) -> bool:
        """Whether runs are found by events: by polls alone where an operator limits the pool."""
        return self.hears and self._unlimited

    async def read_limits(self) -> None:
        """See whether an operator paused or limited the pool or one of its queues: then polls alone find runs."""
        queues = await self._worker.client.read_work_queues(work_pool_name=self._worker.work_pool_name)
        limits: list[Any] = [self._worker.work_pool, *queues]
        self._unlimited = not any(limit.is_paused or limit.concurrency_limit is not None for limit in limits)

    async def watch(self) -> None:
        """Listen until stopped. Prefect's own observer gives up for good when the server is away."""
        while not self.stopped:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - whatever broke the stream: the poll goes on, connect again
                self._worker.log.debug("Prefect's event stream broke off: %r", error)
            self.hears = False
            await anyio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        ours = EventAnyResourceFilter(id=[f"prefect.work-pool.{self._worker.work_pool.id}"])
        wanted = EventFilter(event=EventNameFilter(name=[SCHEDULED, CANCELLING]), any_resource=ours)
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
            self.hears = True
            async for event in events:
                self.note_clock(event.occurred)
                run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
                answer = self._worker.cancel_run if event.event == CANCELLING else self._note
                self._worker.in_background(answer, run_id)

    def note_clock(self, told: datetime) -> None:
        """See by the moment of an event by how much the server's clock is ahead of this machine's.

        A run is due by the server's clock. Where a worker's was a minute behind, each run began a minute late.
        """
        self._ahead = max(timedelta(), told - datetime.now(UTC))
        self._worker.look_ahead(ceil(self._ahead.total_seconds()) if self._ahead > AHEAD_FROM else 0)

    async def _note(self, run_id: UUID) -> None:
        """Have the run read that an event tells of, unless something limits the pool: then a poll will find it.

        For every poll the server writes a few rows, and with SQLite behind it a burst of polls would hold up the very
        requests that they look for.
        """
        if not self.stopped and self._unlimited and run_id not in self._worker.taken:
            await self._told.add(run_id)

    async def _read(self, run_ids: Sequence[UUID]) -> list[FlowRun]:
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(run_ids)))
        order = FlowRunSort.EXPECTED_START_TIME_ASC
        return await self._worker.client.read_flow_runs(flow_run_filter=wanted, sort=order)

    async def _take(self, runs: list[FlowRun]) -> None:
        """Begin those that are due and that no other call has taken meanwhile."""
        ours = [run for run in runs if self._is_of_its_queues(run) and run.id not in self._worker.taken]
        due = [self._response_of(run) for run in ours if _is_due(run, datetime.now(UTC) + self._ahead)]
        if due and not self.stopped:
            await self._begin(due)

    def _is_of_its_queues(self, run: FlowRun) -> bool:
        """Whether a poll would find it, too: events tell of the whole pool, and some runs are the manager's alone."""
        return not self._worker.queues or run.work_queue_name in self._worker.queues

    def _response_of(self, flow_run: FlowRun) -> WorkerFlowRunResponse:
        pool, queue = self._worker.work_pool.id, flow_run.work_queue_id
        return WorkerFlowRunResponse(work_pool_id=pool, work_queue_id=queue, flow_run=flow_run)

    def worth_running(self, due: list[WorkerFlowRunResponse]) -> list[WorkerFlowRunResponse]:
        """The runs that are due, but of each schedule only the newest; the others are marked as skipped.

        After an outage a schedule of every 30 seconds has hundreds of late runs. Running them one after the other
        would do the same work hundreds of times and keep users' runs waiting.
        """
        latest, superseded = only_the_newest_of_each_schedule(due)
        for response in superseded:
            if response.flow_run.id not in self._worker.taken:
                self._worker.taken.add(response.flow_run.id)
                self._worker.in_background(self._skip, response.flow_run)
        return latest

    async def _skip(self, flow_run: FlowRun) -> None:
        skipped: State = Cancelled(name="Skipped", message="A newer run of the same schedule was due.")
        try:
            await self._states.end(flow_run.id, skipped)
        finally:
            self._worker.taken.discard(flow_run.id)


def _is_due(flow_run: FlowRun, at: datetime) -> bool:
    state, start = flow_run.state, flow_run.expected_start_time
    return bool(state and state.is_scheduled() and start and start <= at)
