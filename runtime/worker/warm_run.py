"""One flow run in a thread of its own, with an event loop of its own.

A flow's tasks may block for minutes: in a thread of its own a run can delay only itself.
"""

import asyncio
import contextvars
import ctypes
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import AsyncFlowRunEngine, run_flow
from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

#: Seconds that a run's event loop gets to hear of a cancellation before its thread is interrupted.
HEARING_TIME = 1.0


class WarmRun:
    """A flow run that has its own thread from :meth:`start` on."""

    def __init__(self, flow: Flow, flow_run: FlowRun):
        self._flow = flow
        self._flow_run = flow_run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task | None = None
        self._stop_asked = False
        self._done: Future[BaseException | None] = Future()
        self.cancelled = False

    def start(self) -> None:
        """Begin. The thread sees the caller's context variables: Prefect's settings are among them."""
        context = contextvars.copy_context()
        name = f"run {self._flow_run.name}"
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=name, daemon=True)
        self._thread.start()

    async def ended(self) -> BaseException | None:
        """Wait for the end; what the run raised, or None."""
        return await asyncio.shield(asyncio.wrap_future(self._done))

    async def cancel(self) -> None:
        """End the run as cancelled. A run that is blocked in a call ends when that call returns."""
        self.cancelled = True
        await self.stop()

    async def stop(self) -> None:
        """Interrupt the run, once: by its event loop, or in its thread when the loop is blocked and does not hear."""
        if self._stop_asked or self._done.done():
            return
        self._stop_asked = True
        heard = asyncio.Event()
        pending = self._tell_the_loop(asyncio.get_running_loop(), heard)
        try:
            await asyncio.wait_for(heard.wait(), HEARING_TIME)
        except TimeoutError:
            self._interrupt_instead_of(pending)

    def _tell_the_loop(self, teller: asyncio.AbstractEventLoop, heard: asyncio.Event) -> asyncio.Handle | None:
        def in_the_runs_loop() -> None:
            teller.call_soon_threadsafe(heard.set)
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
            thread = ctypes.c_ulong(self._thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(asyncio.CancelledError))

    def _run(self) -> None:
        raised = None
        try:
            self._run_flow()
        except BaseException as error:  # noqa: BLE001 - the thread's end; the worker looks at what was raised
            raised = error
        finally:
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
        async with engine.start():
            while engine.is_running():
                async with engine.run_context():
                    await engine.call_flow_fn()


class WarmEngine(AsyncFlowRunEngine):
    """Prefect's engine for ``async def`` flows, in a process that goes on after the run."""

    run: WarmRun

    async def handle_crash(self, exc: BaseException) -> None:
        """End a cancelled run as Cancelled; Prefect's own engine does so only in a process of its own."""
        if self.run.cancelled:
            await self.handle_cancellation(exc)
        else:
            await super().handle_crash(exc)

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Iterator:
        """Open no second connection, in a second thread, that waits for a request to suspend a run of seconds."""
        yield self._flow_run_suspension_request
