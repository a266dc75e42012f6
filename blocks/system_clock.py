"""The machine's own clocks."""

from datetime import UTC, datetime
from time import CLOCK_BOOTTIME, clock_gettime

from pool.ports import Clock


class SystemClock(Clock):
    """Wall clock and uptime of this machine."""

    def now(self) -> datetime:
        """Read the wall clock, in UTC."""
        return datetime.now(UTC)

    def uptime(self) -> float:
        """Seconds since the machine began, the time that it slept included; no operator can set it."""
        return clock_gettime(CLOCK_BOOTTIME)
