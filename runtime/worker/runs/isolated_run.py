"""One flow run in a process of its own: what it does to its process, it does to no other run."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress

from prefect.client.schemas.objects import FlowRun, State

from runtime.worker.process_engine import DIES_WITH

#: Seconds that a run which is cancelled gets to end by itself.
CANCEL_SECONDS = 10.0


class ProcessKilledError(Exception):
    """The process of a run was killed: by the kernel for memory, say, or by an operator."""


class IsolatedRun:
    """A flow run that has its own process from :meth:`start` on, which ends with this one; otherwise as `WarmRun`."""

    def __init__(self, flow_run: FlowRun) -> None:
        self._flow_run = flow_run
        self._done: Future[BaseException | None] = Future()
        self.cancelled = False
        self.told: State | None = None  # the run's last state, once the server has taken it: its process is not asked

    def start(self) -> None:
        """Begin. It is called by the worker's main thread: a process ends with the thread that began it."""
        run = {"PREFECT__FLOW_RUN_ID": str(self._flow_run.id), DIES_WITH: str(os.getpid()), "DD_ISOLATED_RUNS": "true"}
        command = [sys.executable, "-m", "runtime.worker.process_engine"]
        self._process = subprocess.Popen(command, env=os.environ | run, start_new_session=True)
        threading.Thread(target=self._await, name=f"process of {self._flow_run.name}", daemon=True).start()

    def _await(self) -> None:
        status = self._process.wait()
        why: BaseException | None = None
        if status < 0 and not self.cancelled:
            why = ProcessKilledError(f"its process was killed by signal {-status}")
        elif status:
            why = ChildProcessError(f"its process ended with status {status}")
        self._done.set_result(why)

    async def begun(self, seconds: float) -> None:
        """Wait so long, or until it has ended: when its process has it running is not known here."""
        await asyncio.wait([asyncio.wrap_future(self._done)], timeout=seconds)

    async def ended(self) -> BaseException | None:
        """Wait for the end; why its process was killed, or None."""
        return await asyncio.shield(asyncio.wrap_future(self._done))

    async def cancel(self) -> None:
        """End the run as cancelled: its process is told to end, and killed where it does not."""
        if self.cancelled or self._done.done():
            return
        self.cancelled = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self._process.pid, number)
            await self.begun(CANCEL_SECONDS)
