"""Simulated operating-system processes: killed at any await, with none of their cleanup run, or frozen for a while."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import NoReturn

_current: ContextVar["Process | None"] = ContextVar("process", default=None)


class Process:
    """What a SIGKILL ends at once: a worker, with all flow runs and threads in it."""

    def __init__(self, name: str, now: Callable[[], datetime]) -> None:
        self.name, self._now = name, now
        self.killed_at: datetime | None = None
        self.frozen_until = 0.0  # on the loop's clock
        self.clock_is_off = timedelta()  # of its machine
        self._steps_left: int | None = None

    @staticmethod
    def current() -> "Process | None":
        """The process that the running code is of; None: the world outside."""
        return _current.get()

    def enter(self) -> None:
        """Make the calling task, and all that it starts, a part of this process."""
        _current.set(self)

    @property
    def killed(self) -> bool:
        return self.killed_at is not None

    def kill(self) -> None:
        self.killed_at = self.killed_at or self._now()

    def kill_after(self, steps: int) -> None:
        """Kill it when its code has gone on after an await so many times more."""
        self._steps_left = steps

    def step(self) -> None:
        """Its code is about to go on."""
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left <= 0:
                self.kill()

    def __repr__(self) -> str:
        return f"<{self.name}{', killed' if self.killed else ''}>"


class Mortal(Coroutine):
    """What a task runs. Once its process was killed it never goes on: no ``except`` and no ``finally`` runs."""

    def __init__(self, coroutine: Coroutine, alive: dict["Mortal", None]) -> None:
        self.coroutine, self._alive = coroutine, alive
        self._held: tuple | None = None  # what it would have gone on with while its process was frozen
        alive[self] = None

    def send(self, value: object) -> object:
        return self._go_on(self.coroutine.send, value)

    def throw(self, *error: object) -> object:
        return self._go_on(self.coroutine.throw, *error)

    def close(self) -> None:
        """Left to the loop, which closes all that is left when nothing can do harm any more."""

    def __await__(self) -> NoReturn:
        raise TypeError("run by a task only")

    def _go_on(self, resume: Callable, *value: object) -> object:
        if process := Process.current():
            process.step()
            if process.killed:
                raise StopIteration  # its task is over; the coroutine is kept, for to close it would run its cleanup
            if process.frozen_until > asyncio.get_running_loop().time():
                self._held = self._held or (resume, value)
                return _until(process.frozen_until)
        if self._held:
            (resume, value), self._held = self._held, None
        try:
            return resume(*value)
        except BaseException:
            self._alive.pop(self, None)
            raise


def _until(moment: float) -> asyncio.Future:
    loop = asyncio.get_running_loop()
    thawed = loop.create_future()

    def thaw() -> None:
        if not thawed.done():
            thawed.set_result(None)

    loop.call_at(moment, thaw)
    thawed._asyncio_future_blocking = True  # as if the coroutine awaited it
    return thawed
