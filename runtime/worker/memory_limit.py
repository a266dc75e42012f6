"""A warm worker that has grown beyond its limit ends in good order, and is started anew by what supervises it."""

import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

PAGE_MB = resource.getpagesize() / 1e6
#: Seconds for which a process serves at least: one that needs more than its limit would else only start.
SERVES_SECONDS = 900.0
#: Times the limit from which on runs that are under way are waited for no more; the next worker runs them again.
TOO_MUCH = 1.5


def is_to_end(memory_mb: float, limit_mb: int, busy: bool, served: float) -> bool:
    """Whether a worker is to make way for a new one.

    Args:
        memory_mb: that it has.
        limit_mb: from which on it is to; 0: never.
        busy: whether it has runs under way.
        served: seconds since it began.
    """
    if not limit_mb or served < SERVES_SECONDS:
        return False
    return memory_mb > (limit_mb * TOO_MUCH if busy else limit_mb)


def resident_mb() -> float:
    """Return the memory of this process that is not swapped out."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB


class MemoryLimit:
    """Of this process, from when it begins to serve.

    Args:
        limit_mb: see `is_to_end`.
        end: has the process end in good order.
        memory_mb: returns the memory of the process.
    """

    def __init__(
        self,
        limit_mb: int,
        end: Callable[[], object] = lambda: signal.raise_signal(signal.SIGTERM),
        memory_mb: Callable[[], float] = resident_mb,
    ) -> None:
        self._limit_mb, self._end, self._memory_mb = limit_mb, end, memory_mb
        self._ending = False
        self.begin()

    def begin(self) -> None:
        """Serve from now on: a process may have stood by for days, and is not to end when it has just taken over."""
        self._begun = time.monotonic()

    def look(self, busy: bool, say: Callable[..., object]) -> None:
        """End the process where it is to; said once, by *say*."""
        has, served = self._memory_mb(), time.monotonic() - self._begun
        if not self._ending and is_to_end(has, self._limit_mb, busy, served):
            self._ending = True
            say(
                "This worker has %.0f MB, above DD_WARM_MEMORY_MB (%s): it ends, and a new one begins",
                has,
                self._limit_mb,
            )
            self._end()
