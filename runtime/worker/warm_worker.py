"""The work pool type ``dockerdriver-warm``: flow runs start at once, in a process that has already imported them.

The worker is woken by Prefect's event stream; a poll each second and a half is what remains when the stream is away.
Every run has its own thread (see ``runtime.worker.runs.warm_run``), so that the worker's own loop is never blocked.
"""

import contextlib
import io
import logging
import os
import sys
import time
from asyncio import to_thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from rich.console import Console

from blocks.outside import outside
from blocks.settings import process_settings
from runtime.supervision.failover import Failover, worker_lock
from runtime.worker.block_watch import watch_blocks
from runtime.worker.known_lines import leave_out_known_lines
from runtime.worker.loaded_flows import LoadedFlows
from runtime.worker.memory_limit import MemoryLimit
from runtime.worker.metrics import serve_metrics
from runtime.worker.places import BESIDE, Places
from runtime.worker.prefect_internals import (
    OpenWorker,
    remember_parameters,
    remember_result_storage,
    share_csrf_tokens,
    share_tls_contexts,
    wrap_task_states,
)
from runtime.worker.runs.beginnings import Beginnings
from runtime.worker.runs.lost_runs import LostRuns
from runtime.worker.runs.run_executor import RunExecutor
from runtime.worker.runs.run_finder import RunFinder
from runtime.worker.runs.run_notes import RunNotes
from runtime.worker.runs.run_states import RunStates
from runtime.worker.runs.task_states import TaskStates
from runtime.worker.server_outage import OutageWait, wait_through_outages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLL_SECONDS = 1.5
BUSY_POLL_SECONDS = 6.0  # while runs are under way and the event stream is there
STANDBY_SECONDS = 0.1  # between two looks whether the active worker has ended
RESULTS_SECONDS = 600.0  # between two looks for results that are too old
MOST_RUNS_AT_ONCE = 32  # beside those of housekeeping
#: Seconds that runs wait for those of a dead process to be settled.
SECONDS_AHEAD = 15.0
DESCRIPTION = (
    "Run flows in a process that has already imported them. Runs start in a fraction of a second and share the "
    "worker's environment: the job variables of this pool are not used."
)


class WarmWorker(OpenWorker, BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs flow runs inside its own process, each in a thread."""

    type = "dockerdriver-warm"
    job_configuration = BaseJobConfiguration
    #: Seconds that runs get to end by themselves when the worker is stopped, and then for settling the others.
    patience = 20.0
    last_patience = 5.0

    def __init__(self, *args: Any, limit: int | None = None, **kwargs: Any) -> None:
        # A run that is fetched ahead of its time would hold a thread until then; the next poll is soon enough.
        kwargs["prefetch_seconds"] = 0
        most = limit or MOST_RUNS_AT_ONCE
        kwargs["limit"] = most + BESIDE
        super().__init__(*args, **kwargs)
        self._places = Places(self, most)
        self._flows = LoadedFlows()
        self._notes = RunNotes(process_settings().data / "runs")
        self._states = RunStates(self)
        self._lost = LostRuns(self._notes, self.log)
        self._beginnings = Beginnings(self, self._flows)
        self._executor = RunExecutor(
            self, self._states, self._flows, self._notes, self._lost, self._places, self._beginnings
        )
        self._finder = RunFinder(self, self._states, begin=self._begin)
        self._memory = MemoryLimit(process_settings().warm_memory_mb)
        self._one_poll_at_a_time = anyio.Lock()
        self._watching = False
        self._polled = 0.0
        self._ask_for_result_storage: Callable[[], Awaitable[object]] | None = None
        self._outage: OutageWait | None = None
        self._failover: Failover | None = None

    @classmethod
    def get_description(cls) -> str:
        """What the UI says of this type of worker."""
        return DESCRIPTION

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Run until stopped, with a short poll. A poll is one request that finds nothing: about 10 ms."""
        import_printing()
        self._failover = Failover(worker_lock(process_settings(), self.name))  # kept: with it the lock would go
        await self._stand_by(self._failover)
        self._memory.begin()
        self._outage = wait_through_outages()
        share_tls_contexts()
        share_csrf_tokens()
        self._ask_for_result_storage = remember_result_storage()
        remember_parameters()
        wrap_task_states(lambda emit: TaskStates(emit).tell)
        leave_out_known_lines()
        serve_metrics()
        try:
            with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: POLL_SECONDS}):
                await super().start(*args, **kwargs)
        finally:
            if self._executor.has_given_up:
                end_at_once()

    async def _stand_by(self, failover: Failover) -> None:
        """Wait for the end of the worker of this name that is active on this machine, with all flows imported."""
        if failover.try_active():
            return
        self.log.info("A worker of this name is active: this one stands by")
        async with get_client() as client:
            await self._flows.load_ahead(client, self.work_pool_name, self.log)
        while not failover.try_active():
            await anyio.sleep(STANDBY_SECONDS)
        self.log.info("The active worker has ended: this one takes over")

    async def synchronize(self) -> None:
        """Send a heartbeat. A server that is away gets it at the next interval."""
        try:
            await super().synchronize()
        except httpx.HTTPError as error:
            self._states.tolerate_outage(error)

    async def sync_with_backend(self) -> None:
        """Prefect's heartbeat; also see what limits the pool, what runs ask for, and whether this process is large."""
        self._memory.look(bool(self.taken), self.log.warning)
        await super().sync_with_backend()
        await self._finder.read_limits()
        await self._read_what_runs_ask_for()

    async def _read_what_runs_ask_for(self) -> None:
        """Know it when a run is found, which would else wait for two answers more before it begins."""
        await self._flows.read_again(self.client)
        if self._ask_for_result_storage:
            await self._ask_for_result_storage()

    async def begin_watching(self) -> None:
        """Start what goes on beside the runs, once the work pool is known."""
        if self._watching or not self.knows_work_pool:
            return
        self._watching = True
        self.in_background(self._finder.watch)
        self.in_background(self._drop_old_results)
        self.in_background(watch_blocks, outside().stored.kept, self.log.debug)
        self.in_background(self._flows.load_ahead, self.client, self.work_pool_name, self.log)
        await self._settle_predecessors()

    async def _drop_old_results(self) -> None:
        """Delete results that are too old, as long as this worker lives: they are files of its own machine."""
        while True:
            try:
                await to_thread(lambda: outside().files.drop_old_results(outside().clock.now()))
            except Exception as error:  # noqa: BLE001 - a disk that is away: the next look is soon enough
                self.log.warning("Old results of flow runs are not deleted: %s", error)
            await anyio.sleep(RESULTS_SECONDS)

    async def _settle_predecessors(self) -> None:
        """Begin to settle what dead processes left, and let it have a start.

        The first tick of housekeeping would take what their runs left half-made for given up.
        """
        done = anyio.Event()

        async def settle() -> None:
            await self._lost.settle_predecessors(self.client)
            done.set()

        self.in_background(settle)
        with anyio.move_on_after(SECONDS_AHEAD):
            await done.wait()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for runs that are due and for runs to cancel. A server that is away is asked again at the next poll."""
        async with self._one_poll_at_a_time:
            if self._finder.stopped or not self._is_time_for_a_poll():
                return []
            try:
                await self._executor.cancel_as_asked()
                return await super().get_and_submit_flow_runs()
            except httpx.HTTPError as error:
                self._states.tolerate_outage(error)
                return []

    def _is_time_for_a_poll(self) -> bool:
        """Whether it is: runs under way wait for the server, which answers a poll and notes it in some rows."""
        spared = self._finder.needs_no_poll and self.taken and not self._places.may_have_been_full()
        if spared and time.monotonic() - self._polled < BUSY_POLL_SECONDS:
            return False
        self._polled = time.monotonic()
        return True

    async def submit_due(self, due: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Take the runs that are due and worth running."""
        return await self._begin(self._finder.worth_running(due))

    async def _begin(self, due: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        await self._beginnings.prepare([response.flow_run for response in self._places.of(due)])
        return await super().submit_due(self._places.of(due))  # others may have begun meanwhile

    async def carry_out(self, flow_run: FlowRun) -> None:
        """Run one flow run from Scheduled to its end, in a thread of its own."""
        await self._executor.carry_out(flow_run)

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> Any:
        """Not used: Prefect's way of submitting prepares infrastructure, and a warm run has none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a warm worker runs flows of deployments only")

    async def cancel_run(self, run_id: UUID) -> None:
        """Cancel a run of this worker; one that no worker began yet is marked cancelled."""
        if not await self._executor.cancel(run_id):
            with contextlib.suppress(httpx.HTTPError):
                await super().cancel_run(run_id)

    async def teardown(self, *exc_info: Any) -> None:
        """Take no more runs, give those that are under way a bounded time, have the others run again."""
        self._finder.stopped = True
        with anyio.CancelScope(shield=True):
            await self._executor.stop(self.patience, self.last_patience)
        if self._outage:
            self._outage.end()
        self.stop_background()  # the listener, which would wait for events for ever
        self._notes.close()
        await super().teardown(*exc_info)


def end_at_once() -> None:
    """End this process, with the threads of runs that were given up.

    Python would first wait for what such a run calls in an executor: another worker has the run meanwhile, and a stop
    would last as long as its supervisor's patience.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def import_printing() -> None:
    """Import what rich does at its first line.

    Prefect's handler of SIGTERM prints before it stops the worker: where the signal came in the middle of that import,
    by the first line of the log, the handler failed, and the worker was never stopped.
    """
    Console(file=io.StringIO()).print("ready")
