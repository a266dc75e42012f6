"""Virtual time: an event loop that never waits, and threads that are greenlets, which give way where a fake waits."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

from greenlet import getcurrent
from sqlalchemy.util.concurrency import await_only, greenlet_spawn

from tests.rigs.simulator.processes import Mortal, Process

#: No test ever ran then: a moment outside this life was read from the machine's own clock.
BEGINNING = datetime(2040, 1, 2, 8, 0, tzinfo=UTC)

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Clock:
    """What all clocks of the simulated machines show. Monotonic time goes on evenly; the wall clock can be set."""

    def __init__(self) -> None:
        self.elapsed = 0.0  # seconds since the beginning
        self.jumped = timedelta()

    def now(self) -> datetime:
        """The time on the machine of the process that asks; outside of one, that of Prefect's server."""
        process = Process.current()
        return self.of_server() + (process.clock_is_off if process else timedelta())

    def of_server(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.elapsed) + self.jumped

    def monotonic(self) -> float:
        return self.elapsed


class _NothingHappens:
    """Stands in for the selector: instead of waiting for the next timer, it puts the clock there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def select(self, timeout: float | None) -> list:
        assert timeout is not None, "everything waits for something that never comes"
        self._clock.elapsed += timeout
        return []

    def close(self) -> None:
        pass


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs the coroutines of all simulated processes, one at a time, in an order that depends on nothing outside."""

    _ready: deque[asyncio.Handle]  # asyncio's own, as is the next: its types leave them out
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock, self._selector = clock, _NothingHappens(clock)
        self._alive: dict[Mortal, None] = {}
        self._clock_resolution = 1e-9
        self.set_exception_handler(lambda *_: None)  # what ends badly is judged where it was started
        self.set_task_factory(self._task)

    def time(self) -> float:
        return self._clock.elapsed

    def _process_events(self, _events: list) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **context: Any) -> asyncio.Task:
        mortal = Mortal(coroutine, self._alive)
        return asyncio.Task(mortal, loop=loop, **context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """A thread: it goes on when its caller is cancelled, and ends with its process."""
        return asyncio.shield(self.create_task(greenlet_spawn(func, *args)))

    def bury(self) -> None:
        """Close every coroutine that is left. The ports refuse everything by now: no cleanup does anything."""
        for mortal in list(self._alive):
            with suppress(BaseException):
                mortal.coroutine.close()
        self._ready.clear()
        self._scheduled.clear()
        self.close()


def wait(seconds: float) -> None:
    """Block the calling thread. Code that blocks the event loop instead takes no time here."""
    if getattr(getcurrent(), "__sqlalchemy_greenlet_provider__", False):
        await_only(asyncio.sleep(seconds))
