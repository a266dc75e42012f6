"""The only use of what Prefect keeps to itself: everything else in this project uses the public names given here.

`tests/contract/worker/test_prefect_internals.py` names each private member, so that an upgrade of Prefect says what
broke.
"""

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from logging import Logger, LoggerAdapter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from httpx import Request
from prefect import flows, results, task_engine
from prefect._internal.pydantic.validated_func import ValidatedFunction
from prefect.client import orchestration
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.flow_engine import AsyncFlowRunEngine

from runtime.worker.csrf_token import CsrfToken

# Prefect registers each subclass of its worker as a type of work pool: outside of type checking this one is none.
if TYPE_CHECKING:
    from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

    _Worker = BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]
else:
    _Worker = object


#: Functions of Prefect's results that ask the server which result storage is its default.
RESULT_STORAGE = ("_aread_server_default_result_storage_block_id", "_read_server_default_result_storage_block_id")
#: For which the answer counts: an operator's change counts after it. It is asked for anew with each heartbeat.
STORAGE_SECONDS = 45.0
#: In the base job template of a work pool, among the job's configuration: whether each run has a process of its own.
ISOLATED = "isolated"
#: For which a run has lasted when its first heartbeat is sent, in whole seconds.
HEARTBEAT_SECONDS = 20


class OpenWorker(_Worker):
    """Gives Prefect's worker, named after it among the bases, a public name for each step and each thing it needs."""

    # -- steps to replace: Prefect calls the private name, a subclass overrides the public one --------------------

    async def synchronize(self) -> None:
        """Send a heartbeat, read the work pool, and begin to watch when that succeeded for the first time."""
        await super()._sync_and_initialize()

    async def begin_watching(self) -> None:
        """Start what hears of cancellations; called after each heartbeat."""
        await super()._setup_cancellation_observer()

    async def submit_due(self, due: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Begin each of these runs in the background, as far as the worker's limit allows; those that it has then."""
        return await super()._submit_scheduled_flow_runs(flow_run_response=due)

    async def carry_out(self, flow_run: FlowRun) -> None:
        """Run one flow run from Scheduled to its end."""
        await super()._submit_run(flow_run)

    async def cancel_run(self, run_id: UUID) -> None:
        """Mark a run that never began as cancelled."""
        await super()._cancel_run(run_id)

    async def _sync_and_initialize(self) -> None:
        await self.synchronize()

    async def _setup_cancellation_observer(self) -> None:
        await self.begin_watching()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await self.submit_due(flow_run_response)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        await self.carry_out(flow_run)

    # -- what the steps need ------------------------------------------------------------------------------------------

    @property
    def log(self) -> Logger | LoggerAdapter:
        """The worker's logger."""
        return self._logger

    @property
    def work_pool_name(self) -> str:
        """Name of the work pool, also before the server was asked for it."""
        return self._work_pool_name

    @property
    def queues(self) -> set[str]:
        """Names of the pool's queues that it was started for; none: for all."""
        return self._work_queues

    @property
    def knows_work_pool(self) -> bool:
        """Whether the server has described the work pool already."""
        return self._work_pool is not None

    @property
    def isolates_runs(self) -> bool:
        """Whether the work pool, as it was read last, wants a process for each run."""
        pool = self._work_pool
        return bool(pool and pool.base_job_template.get("job_configuration", {}).get(ISOLATED))

    @property
    def taken(self) -> set[UUID]:
        """The runs that this worker is at: none of them is begun a second time."""
        return self._submitting_flow_run_ids

    def look_ahead(self, seconds: int) -> None:
        """Have a poll find runs as well that are due so many seconds from now, by this machine's clock."""
        self._prefetch_seconds = seconds

    def release(self, run_id: UUID) -> None:
        """Give the run's place among the worker's runs to another one; harmless when it has none."""
        self._release_limit_slot(run_id)
        self._submitting_flow_run_ids.discard(run_id)

    def in_background(self, work: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start *work* beside what the worker does; it is awaited, or cancelled, when the worker stops."""
        self.task_group.start_soon(work, *args)

    def stop_background(self) -> None:
        """Cancel all that was started in the background."""
        self.task_group.cancel_scope.cancel()

    @property
    def task_group(self) -> Any:
        """The task group of a worker that was set up."""
        return self._runs_task_group


class OpenEngine(AsyncFlowRunEngine):
    """Prefect's engine for ``async def`` flows, for a process that goes on after the run."""

    has_lasted = False

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator:
        """Open no second connection, in a second thread, that waits for a request to suspend a run of seconds."""
        yield self._flow_run_suspension_request

    def _emit_flow_run_heartbeat(self, *told: Any, **more: Any) -> None:
        """Send the first one once the run has lasted: that it runs, the server has just been told.

        Prefect calls it in a thread that does nothing else, which ends a second after its run. Most runs of a
        worker have ended by then, and the server is spared an event of each.
        """
        for _ in range(0 if self.has_lasted else HEARTBEAT_SECONDS):
            if self.state.is_final():
                return
            time.sleep(1)
        self.has_lasted = True
        if not self.state.is_final():
            super()._emit_flow_run_heartbeat(*told, **more)

    async def call_flow(self) -> None:
        """Run the flow as Prefect's `run_flow_async` does: again while the server answers that it is to be retried."""
        async with self.start(), self.under_way():
            while self.is_running():
                async with self.run_context():
                    await self.call_flow_fn()  # type: ignore[unused-coroutine]  # typed as if it returned a second one

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """What goes on beside the flow from when the server has the run as running."""
        yield


Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def wrap_requests(asynchronous: Wrapper, synchronous: Wrapper) -> None:
    """Put a wrapper around the sending of each request to Prefect's server, inside of Prefect's own retries.

    It holds for all clients of this process, and for its whole life.
    """
    send_async, send_sync = PrefectHttpxAsyncClient._send_with_retry, PrefectHttpxSyncClient._send_with_retry

    async def wrapped_async(self: PrefectHttpxAsyncClient, *, send: Callable[..., Any], **rest: Any) -> Any:
        return await send_async(self, send=asynchronous(send), **rest)

    def wrapped_sync(self: PrefectHttpxSyncClient, *, send: Callable[..., Any], **rest: Any) -> Any:
        return send_sync(self, send=synchronous(send), **rest)

    setattr(PrefectHttpxAsyncClient, "_send_with_retry", wrapped_async)  # noqa: B010 - a method of Prefect's own
    setattr(PrefectHttpxSyncClient, "_send_with_retry", wrapped_sync)  # noqa: B010


def wrap_task_states(wrapper: Wrapper) -> None:
    """Put a wrapper around the telling of each state of a task run, for the life of the process."""
    name = "emit_task_run_state_change_event"
    setattr(task_engine, name, wrapper(getattr(task_engine, name)))


def share_tls_contexts() -> None:
    """Have all clients of Prefect's API in this process share what they check certificates with.

    Prefect makes a client for nearly each call, and each reads all authorities of the machine anew: 35 ms of CPU,
    ten times what the rest of a client takes. It holds for the life of the process.
    """
    shared = vars(ssl) | {"create_default_context": cache(ssl.create_default_context)}
    setattr(orchestration, "ssl", SimpleNamespace(**shared))  # noqa: B010 - a module, as far as its types know


def share_csrf_tokens() -> None:
    """Have all clients of Prefect's API in this process send the token against forged requests that one was given.

    Prefect makes a client for nearly each call, and each asks for a token before it changes anything, which is one
    request and one row more. A client whose token the server does not know (any more) asks for another, with an id of
    its own. It holds for the life of the process.
    """
    kept = CsrfToken()
    ask_async, ask_sync = PrefectHttpxAsyncClient._add_csrf_headers, PrefectHttpxSyncClient._add_csrf_headers

    async def shared_async(self: PrefectHttpxAsyncClient, request: Request) -> None:
        kept.lend(self)
        await ask_async(self, request)
        kept.take(self)

    def shared_sync(self: PrefectHttpxSyncClient, request: Request) -> None:
        kept.lend(self)
        ask_sync(self, request)
        kept.take(self)

    setattr(PrefectHttpxAsyncClient, "_add_csrf_headers", shared_async)  # noqa: B010 - a method of Prefect's own
    setattr(PrefectHttpxSyncClient, "_add_csrf_headers", shared_sync)  # noqa: B010


def remember_result_storage() -> Callable[[], Awaitable[object]]:
    """Have all runs of this process know for a while which result storage is the server's default.

    Prefect asks for it at the begin of each flow run and, for tasks with results, of each task run. It holds for the
    life of the process.

    Returns:
        What asks for it anew, so that no run waits for the answer.
    """
    ask_async, ask_sync = (getattr(results, name) for name in RESULT_STORAGE)
    kept: list[tuple[float, UUID | None]] = []

    def known(answer: UUID | None) -> UUID | None:
        kept[:] = [(time.monotonic() + STORAGE_SECONDS, answer)]
        return answer

    def is_known() -> bool:
        return bool(kept) and time.monotonic() < kept[0][0]

    async def remembered_async() -> UUID | None:
        return kept[0][1] if is_known() else known(await ask_async())

    def remembered_sync() -> UUID | None:
        return kept[0][1] if is_known() else known(ask_sync())

    async def ask_again() -> UUID | None:
        return known(await ask_async())

    for name, remembered in zip(RESULT_STORAGE, (remembered_async, remembered_sync), strict=True):
        setattr(results, name, remembered)
    return ask_again


def remember_parameters() -> None:
    """Have what checks the parameters of a flow be made once for the process, where Prefect makes it for each run.

    It is a class of Pydantic's with all that the parameters' types are made of.
    """
    kept: dict[Callable[..., Any], Any] = {}

    def known(function: Callable[..., Any], config: Any = None) -> Any:
        if function not in kept:
            kept[function] = ValidatedFunction(function, config=config)
        return kept[function]

    setattr(flows, "ValidatedFunction", known)  # noqa: B010 - a class, as far as its types know
