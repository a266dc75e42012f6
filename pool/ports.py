"""What the domain's callers need of the outside, where no adapter in ``blocks/`` is the base class itself."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that tells the time of day, and one that no operator can set."""

    def now(self) -> datetime:
        """Read the wall clock, in UTC."""

    def uptime(self) -> float:
        """Read seconds that only ever grow: for time limits, and for leases."""
