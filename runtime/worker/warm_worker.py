"""The work pool type ``dockerdriver-warm``: flow runs start at once, in a process that has already imported them.

The worker is woken by Prefect's event stream; a poll each second and a half is what remains when the stream is away.
Every run has its own thread (see ``runtime.worker.warm_run``), so that the worker's own loop is never blocked.
"""

import asyncio
import contextlib
from typing import Any
from uuid import UUID

import anyio
import httpx
from prefect import Flow
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter
from prefect.exceptions import Abort, ObjectNotFound
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.states import Cancelled, Crashed, Failed
from prefect.types._datetime import now
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from blocks.settings import process_settings
from runtime.worker.crashed_runs import settle
from runtime.worker.late_runs import only_the_newest_of_each_schedule
from runtime.worker.loaded_flows import LoadedFlows
from runtime.worker.run_notes import RunNotes
from runtime.worker.warm_run import WarmRun

SCHEDULED, CANCELLING = "prefect.flow-run.Scheduled", "prefect.flow-run.Cancelling"
POLL_SECONDS = 1.5
RECONNECT_SECONDS = 1.0
PAUSES_FOR_COMMIT = (0.0, 0.03, 0.1, 0.3)
MOST_RUNS_AT_ONCE = 32
UNDER_WAY = (StateType.PENDING, StateType.RUNNING)


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs flow runs inside its own process, each in a thread."""

    type = "dockerdriver-warm"
    job_configuration = BaseJobConfiguration
    _display_name = "Warm"
    _description = (
        "Run flows in a process that has already imported them. Runs start in a fraction of a second and share the "
        "worker's environment: the job variables of this pool are not used."
    )

    #: Seconds that runs get to end by themselves when the worker is stopped, and then to end when interrupted.
    patience = 20.0
    last_patience = 5.0

    def __init__(self, *args: Any, limit: int | None = None, **kwargs: Any):
        # A run that is fetched ahead of its time would hold a thread until then; the next poll is soon enough.
        kwargs["prefetch_seconds"] = 0
        super().__init__(*args, limit=limit or MOST_RUNS_AT_ONCE, **kwargs)
        self._runs: dict[UUID, WarmRun] = {}
        self._flows = LoadedFlows()
        self._one_poll_at_a_time = anyio.Lock()
        self._stopping = False
        self._watching = False
        self._unlimited = False
        self._notes = RunNotes(process_settings().data / "runs")

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Run until stopped, with a short poll. A poll is one request that finds nothing: about 10 ms."""
        with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: POLL_SECONDS}):
            await super().start(*args, **kwargs)

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> Any:
        """Not used: Prefect's way of submitting prepares infrastructure, and a warm run has none."""
        raise NotImplementedError("a warm worker runs flows of deployments only")

    # -- finding runs ------------------------------------------------------------------------------------------------

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for runs that are due and for runs to cancel. A server that is away is asked again at the next poll."""
        async with self._one_poll_at_a_time:
            if self._stopping:
                return []
            try:
                await self._cancel_what_is_cancelling()
                return await super().get_and_submit_flow_runs()
            except httpx.HTTPError as error:
                return self._server_is_away(error)

    async def _sync_and_initialize(self) -> None:
        try:
            await super()._sync_and_initialize()
        except httpx.HTTPError as error:
            self._server_is_away(error)

    def _server_is_away(self, error: httpx.HTTPError) -> list[FlowRun]:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
            raise error
        self._logger.debug("Prefect's server does not answer: %r", error)
        return []

    async def _setup_cancellation_observer(self) -> None:
        """Watch for new and cancelled runs. Prefect's own observer gives up for good when the server is away."""
        if self._work_pool is None or self._watching:
            return
        self._watching = True
        self._runs_task_group.start_soon(self._watch_events)
        self._runs_task_group.start_soon(self._flows.load_ahead, self.client, self._work_pool_name, self._logger)
        self._runs_task_group.start_soon(settle, self._notes, self.client, self._logger)

    async def _watch_events(self) -> None:
        while not self._stopping:
            try:
                await self._hear_events()
            except Exception as error:  # noqa: BLE001 - whatever broke the stream: the poll goes on, connect again
                self._logger.debug("Prefect's event stream broke off: %r", error)
            await anyio.sleep(RECONNECT_SECONDS)

    async def _hear_events(self) -> None:
        ours = EventAnyResourceFilter(id=[f"prefect.work-pool.{self.work_pool.id}"])
        wanted = EventFilter(event=EventNameFilter(name=[SCHEDULED, CANCELLING]), any_resource=ours)
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
            async for event in events:
                run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
                answer = self._cancel_run if event.event == CANCELLING else self._take
                self._runs_task_group.start_soon(answer, run_id)

    async def _take(self, run_id: UUID) -> None:
        """Take the run that an event tells of, if it is due and nothing limits the pool; else a poll will.

        Reading one run is all this costs: for every poll the server writes a few rows, and with SQLite behind it a
        burst of polls would hold up the very requests that they look for. The event is sent before the server's
        transaction is committed, so look a few times.
        """
        for pause in PAUSES_FOR_COMMIT:
            await anyio.sleep(pause)
            if self._stopping or run_id in self._submitting_flow_run_ids or not self._unlimited:
                return
            with contextlib.suppress(ObjectNotFound, httpx.HTTPError):
                flow_run = await self.client.read_flow_run(run_id)
                if flow_run.state.is_scheduled() and flow_run.expected_start_time <= now("UTC"):
                    await super()._submit_scheduled_flow_runs(flow_run_response=[self._response_of(flow_run)])
                return

    def _response_of(self, flow_run: FlowRun) -> WorkerFlowRunResponse:
        queue = flow_run.work_queue_id
        return WorkerFlowRunResponse(work_pool_id=self.work_pool.id, work_queue_id=queue, flow_run=flow_run)

    async def sync_with_backend(self) -> None:
        """Send Prefect's heartbeat, and read whether the pool or one of its queues is paused or limited."""
        await super().sync_with_backend()
        queues = await self.client.read_work_queues(work_pool_name=self._work_pool_name)
        limits = [self.work_pool, *queues]
        self._unlimited = not any(limit.is_paused or limit.concurrency_limit is not None for limit in limits)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Take the runs that are due, but of each schedule only the newest.

        After an outage a schedule of every 30 seconds has hundreds of late runs. Running them one after the other
        would do the same work hundreds of times and keep users' runs waiting.
        """
        latest, superseded = only_the_newest_of_each_schedule(flow_run_response)
        for response in superseded:
            if response.flow_run.id not in self._submitting_flow_run_ids:
                self._submitting_flow_run_ids.add(response.flow_run.id)
                self._runs_task_group.start_soon(self._skip, response.flow_run)
        return await super()._submit_scheduled_flow_runs(flow_run_response=latest)

    async def _skip(self, flow_run: FlowRun) -> None:
        try:
            await self._end(flow_run.id, Cancelled(name="Skipped", message="A newer run of the same schedule was due."))
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)

    # -- running -----------------------------------------------------------------------------------------------------

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Execute one run, from Scheduled to its end.

        Proposing Pending is what makes it ours: the server lets one worker have it, however many ask.
        """
        try:
            self._notes.begin(flow_run.id)
            if await self._propose_pending_state(flow_run) and (flow := await self._flow_of(flow_run)):
                await self._see_through(flow, flow_run)
        except Exception:  # one run's trouble must not end the worker and with it all other runs
            self._logger.exception("Lost track of run %s; housekeeping will mark it as crashed.", flow_run.id)
        finally:
            self._notes.end(flow_run.id)
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)
            if self.limiter.available_tokens == 1:  # runs may have waited for this one's place
                self._runs_task_group.start_soon(self.get_and_submit_flow_runs)

    async def _see_through(self, flow: Flow, flow_run: FlowRun) -> None:
        run = self._runs[flow_run.id] = WarmRun(flow, flow_run)
        try:
            run.start()
            await self._make_sure_it_is_told(flow_run.id, await run.ended(), run.cancelled)
        finally:
            del self._runs[flow_run.id]

    async def _make_sure_it_is_told(self, run_id: UUID, raised: BaseException | None, cancelled: bool) -> None:
        """Report the run's end to the server where Prefect's engine could not."""
        state = await self._state_of(run_id)
        if state is None:
            return
        if state.is_cancelling() or (cancelled and state.type in UNDER_WAY):
            await self._end(run_id, Cancelled(message="Flow run was cancelled."))
        elif state.type in UNDER_WAY and not isinstance(raised, Abort):
            await self._end(run_id, Crashed(message=f"The run ended without a result: {raised!r}"))

    async def _state_of(self, run_id: UUID) -> State | None:
        """Read a run's state, again until the server answers. None: there is no such run."""
        while True:
            try:
                return (await self.client.read_flow_run(run_id)).state
            except ObjectNotFound:
                return None
            except httpx.HTTPError as error:
                self._server_is_away(error)
                await anyio.sleep(RECONNECT_SECONDS)

    async def _flow_of(self, flow_run: FlowRun) -> Flow | None:
        """Load the run's flow; None when it cannot be loaded, which the run's state then says."""
        try:
            deployment = await self.client.read_deployment(flow_run.deployment_id)
            return await self._flows.get(deployment.entrypoint)
        except Exception as error:  # noqa: BLE001 - importing runs arbitrary code
            message = f"The flow of run {flow_run.name} cannot be loaded: {error}"
            self.get_flow_run_logger(flow_run).exception(message)
            await self._end(flow_run.id, Failed(message=message))
            return None

    # -- ending ------------------------------------------------------------------------------------------------------

    async def _cancel_run(self, flow_run_id: UUID) -> None:
        """Cancel a run of ours; one that was not started yet is marked cancelled by Prefect's own method."""
        if run := self._runs.get(flow_run_id):
            await run.cancel()
        elif flow_run_id not in self._submitting_flow_run_ids:
            with contextlib.suppress(httpx.HTTPError):
                await super()._cancel_run(flow_run_id)

    async def _cancel_what_is_cancelling(self) -> None:
        """Read the states of our runs: the event of a cancellation may have been missed."""
        wanted = [run_id for run_id, run in self._runs.items() if not run.cancelled]
        if not wanted:
            return
        cancelling = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING]))
        runs = FlowRunFilter(id=FlowRunFilterId(any_=wanted), state=cancelling)
        for flow_run in await self.client.read_flow_runs(flow_run_filter=runs):
            self._runs_task_group.start_soon(self._cancel_run, flow_run.id)

    async def teardown(self, *exc_info: Any) -> None:
        """Take no more runs, give those that are under way a bounded time, tell what became of the others."""
        self._stopping = True
        with anyio.CancelScope(shield=True):
            await self._wait_for_runs(self.patience)
            for run in list(self._runs.values()):
                self._runs_task_group.start_soon(run.stop)
            await self._wait_for_runs(self.last_patience)
            for run_id in list(self._runs):
                await self._end(run_id, Crashed(message=f"The worker {self.name} stopped before the run had ended."))
        self._runs_task_group.cancel_scope.cancel()  # the listener, which would wait for events for ever
        self._notes.close()
        await super().teardown(*exc_info)

    async def _wait_for_runs(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            while self._submitting_flow_run_ids:
                await asyncio.sleep(0.1)

    async def _end(self, run_id: UUID, state: State) -> None:
        try:
            await self.client.set_flow_run_state(run_id, state, force=True)
        except (httpx.HTTPError, ObjectNotFound) as error:
            self._logger.warning("Run %s could not be marked %s: %r", run_id, state.name, error)
