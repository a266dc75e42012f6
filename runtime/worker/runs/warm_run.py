"""One flow run in a thread of its own, with an event loop of its own.

A flow's tasks may block for minutes: in a thread of its own a run can delay only itself.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import cached_property

from prefect import Flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import run_flow
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

from pool.reports.run_tags import tags_of_run
from runtime.worker.prefect_internals import OpenEngine
from runtime.worker.runs.run_beginning import RunBeginning
from runtime.worker.runs.thread_interrupt import raise_in_thread

#: Seconds that a run's event loop gets to hear of a cancellation before its thread is interrupted.
CANCEL_GRACE = 1.0
#: Seconds that a run waits at its end for its name to be said.
NAME_SECONDS = 10.0


class WarmRun:
    """A flow run that has its own thread from :meth:`start` on."""

    def __init__(self, flow: Flow, flow_run: FlowRun) -> None:
        self._flow = flow
        self._flow_run = flow_run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task | None = None
        self._begun: Future[None] = Future()
        self._done: Future[BaseException | None] = Future()
        self.cancelled = False
        self.told: State | None = None  # the run's last state, once the server has taken it

    def start(self) -> None:
        """Begin. The thread sees the caller's context variables: Prefect's settings are among them."""
        context = contextvars.copy_context()
        name = f"run {self._flow_run.name}"
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=name, daemon=True)
        self._thread.start()

    def has_begun(self) -> None:
        """Say that the server has the run as running; or that it has ended."""
        if not self._begun.done():
            self._begun.set_result(None)

    async def begun(self, seconds: float) -> None:
        """Wait until then, at most so long."""
        await asyncio.wait([asyncio.wrap_future(self._begun)], timeout=seconds)

    async def ended(self) -> BaseException | None:
        """Wait for the end; what the run raised, or None."""
        return await asyncio.shield(asyncio.wrap_future(self._done))

    async def cancel(self) -> None:
        """End the run as cancelled. A run that is blocked in a call ends when that call returns.

        It is interrupted once: by its event loop, or in its thread when the loop is blocked and does not hear.
        """
        if self.cancelled or self._done.done():
            return
        self.cancelled = True
        heard = asyncio.Event()
        pending = self._tell_the_loop(asyncio.get_running_loop(), heard)
        try:
            await asyncio.wait_for(heard.wait(), CANCEL_GRACE)
        except TimeoutError:
            self._interrupt_instead_of(pending)

    def _tell_the_loop(self, teller: asyncio.AbstractEventLoop, heard: asyncio.Event) -> asyncio.Handle | None:
        def in_the_runs_loop() -> None:
            teller.call_soon_threadsafe(heard.set)
            if self._task:
                self._task.cancel()

        try:
            return self._loop.call_soon_threadsafe(in_the_runs_loop) if self._loop else None
        except RuntimeError:  # the loop closed meanwhile: the run ended by itself
            return None

    def _interrupt_instead_of(self, pending: asyncio.Handle | None) -> None:
        """Raise CancelledError where the thread is. A second one would cut off the report of the first: one only."""
        if pending:
            pending.cancel()
        if not self._done.done():
            raise_in_thread(self._thread, asyncio.CancelledError)

    def _run(self) -> None:
        raised = None
        try:
            self._run_flow()
        except BaseException as error:  # noqa: BLE001 - the thread's end; the worker looks at what was raised
            raised = error
        finally:
            self.has_begun()
            self._done.set_result(raised)

    def _run_flow(self) -> None:
        if self._flow.isasync:
            asyncio.run(self._run_in_loop())
        else:
            run_flow(self._flow, flow_run=self._flow_run)

    async def _run_in_loop(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        args, kwargs = parameters_to_args_kwargs(self._flow.fn, self._flow_run.parameters)
        parameters = get_call_parameters(self._flow.fn, args, kwargs)
        engine = WarmEngine(flow=self._flow, parameters=parameters, flow_run=self._flow_run)
        engine.run = self
        try:
            await engine.call_flow()
        finally:
            self.told = engine.state if engine.state.is_final() else None


class WarmEngine(OpenEngine):
    """Prefect's engine for ``async def`` flows, which knows when its run was cancelled."""

    run: WarmRun
    flow_run: FlowRun  # that the worker found

    @property
    def client(self) -> PrefectClient:
        """The run's client, spared what the worker knows."""
        return self._beginning.client

    @cached_property
    def _beginning(self) -> RunBeginning:
        recorded = {"name": self.flow_run.name, "tags": sorted(self.flow_run.tags)}
        return RunBeginning(super().client, self._as_known, {"tags": self._tags}, recorded)

    @property
    def _tags(self) -> list[str]:
        """The run's tags, with those that it gets by its parameters: it needs no request of its own for them."""
        return sorted({*self.flow_run.tags, *tags_of_run(self.parameters or {})})

    def _as_known(self) -> FlowRun:
        """Return the run as the server has it, now that it is running for one time more."""
        return self.flow_run.model_copy(update={"run_count": self.flow_run.run_count + 1, "tags": self._tags})

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Say what can wait beside the flow."""
        self.run.has_begun()
        saying = asyncio.create_task(self._beginning.say(self.flow_run.id))
        try:
            yield
        finally:
            await asyncio.wait([saying], timeout=NAME_SECONDS)

    async def handle_crash(self, exc: BaseException) -> None:
        """End a run that was cancelled as Cancelled; Prefect itself knows that only of a process of its own."""
        if self.run.cancelled:
            await self.handle_cancellation(exc)
        else:
            await super().handle_crash(exc)
