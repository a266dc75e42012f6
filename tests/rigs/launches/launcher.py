"""What every way to a notebook can: be timed from the asking to the first 200, and end what it started."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx

Answer = TypeVar("Answer")

SHORTEST, LONGEST = 0.01, 0.25  # s, between two questions to what is about to answer
PATIENCE = 240.0  # s, after which a launch has failed


class LaunchFailedError(Exception):
    """No notebook came of it; the message says why."""


class Asking:
    """Asks what is about to answer, in one rhythm for all ways. Threads share it.

    Args:
        over: set when the benchmark was interrupted: what waits gives up then.
    """

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        self._http = httpx.Client(timeout=30, trust_env=False, limits=limits)

    def close(self) -> None:
        self._http.close()

    def first_ok(self, url: str, began: float) -> None:
        """Return when there is a 200."""
        self.wait(lambda: self._is_ok(url), began, f"a 200 of {url}")

    def wait(self, true: Callable[[], Answer | None], began: float, what: str) -> Answer:
        """Ask until it is true; the answer.

        The pause is a sixteenth of what it took so far: no answer is noticed much later than it is there, and twenty
        calls that wait together keep the machine from nothing. All ways are asked in the same rhythm.

        Raises:
            LaunchFailedError: it was not true in time.
        """
        while not (answer := true()):
            waited = time.monotonic() - began
            if waited > PATIENCE:
                raise LaunchFailedError(f"not within {PATIENCE:.0f} s: {what}")
            if self._over.wait(max(SHORTEST, min(waited / 16, LONGEST))):
                raise LaunchFailedError("interrupted")
        return answer

    def _is_ok(self, url: str) -> bool:
        try:
            return self._http.get(url).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class Launcher(Asking, ABC):
    """One way. Threads call :meth:`launch` at the same time, each with a name of its own."""

    kind: str

    def prepare(self, names: Sequence[str]) -> None:
        """Do what is no part of a launch, such as making users."""

    @abstractmethod
    def launch(self, name: str) -> None:
        """Ask for a notebook, and return at its first 200.

        Raises:
            LaunchFailedError: there was none in time.
        """

    @abstractmethod
    def end(self, names: Sequence[str]) -> None:
        """End these notebooks, and return when nothing of them is left."""

    def timed(self, name: str) -> float | str:
        """Seconds that a launch took; why there was none."""
        began = time.monotonic()
        try:
            self.launch(name)
        except (LaunchFailedError, httpx.HTTPError, OSError) as error:
            return f"{name}: {error or type(error).__name__}"
        return round(time.monotonic() - began, 3)
