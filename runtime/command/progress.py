"""What a person sees while a command works: what is being done, for how long, and what the hosts say meanwhile."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.text import Text

from pool.printable import legible

if TYPE_CHECKING:
    from rich.status import Status

QUIET_SECONDS = 15  # between two detail lines when the output is not a terminal


class Progress:
    """A line for every step, and below it, on a terminal, one line that changes with what happens now."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._status: Status | None = None
        self._last_detail = self._began
        self._shown = ""

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._last_detail = time.monotonic()
        self._console.print(f"{self._elapsed()}  {legible(text)}", markup=False)

    def detail(self, text: str) -> None:
        """Show what is going on. On a terminal it replaces the last line; else it is printed every 15 s if changed."""
        if self._status:
            self._status.update(Text(f"{self._elapsed()}  {legible(text)}"))
        elif text != self._shown and time.monotonic() - self._last_detail >= QUIET_SECONDS:
            self._shown = text
            self.say(f"… {text}")

    @contextmanager
    def step(self, text: str) -> Iterator[Self]:
        """Show the name of a step while it runs."""
        if self._console.is_terminal:
            with self._console.status(text) as self._status:
                yield self
            self._status = None
        else:
            self.say(text)
            yield self

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:5.0f} s"


def complain(sentence: str) -> None:
    """Print the one sentence of a command that failed."""
    print(f"dockerdriver: {legible(sentence)}", file=sys.stderr)
