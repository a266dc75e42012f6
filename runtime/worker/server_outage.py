"""Wait while Prefect's server is away: a flow in progress goes on when it is back, and tells it then.

Prefect's client gives up at once where it never reached the server (each of a flow's calls makes a new client), and
waits up to half a minute between two tries where it did.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from runtime.worker.prefect_internals import wrap_requests

#: Seconds that requests wait for a server that refuses connections: longer than any restart takes.
PATIENCE_SECONDS = 300.0
#: Seconds that a request waits for a server that answers with an error of its own (500, 503): its database may be away.
DATABASE_SECONDS = 90.0
PAUSE_SECONDS = 0.5
#: Seconds without a failure after which the next one is of another outage.
APART_SECONDS = 10.0


class OutageWait:
    """How long all requests of this process have waited for the server; they share one outage."""

    def __init__(
        self,
        patience: float = PATIENCE_SECONDS,
        pause: float = PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._since = self._failed_at = float("-inf")

    def end(self) -> None:
        """Wait no more: this process stops."""
        self._patience = 0.0

    def asynchronous(self, send: Callable[..., Awaitable[httpx.Response]]) -> Callable[..., Awaitable[httpx.Response]]:
        """Have *send* try again, for as long as the outage may last, where it did not reach a working server."""

        async def patient_send(*args: Any, **kwargs: Any) -> httpx.Response:
            asked_at = self._clock()
            while True:
                try:
                    response = await send(*args, **kwargs)
                    if not self._is_without_database(response, asked_at):
                        return response
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if self._is_too_long():
                        raise
                await anyio.sleep(self._pause)

        return patient_send

    def synchronous(self, send: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
        """As `asynchronous`, for a client that blocks."""

        def patient_send(*args: Any, **kwargs: Any) -> httpx.Response:
            asked_at = self._clock()
            while True:
                try:
                    response = send(*args, **kwargs)
                    if not self._is_without_database(response, asked_at):
                        return response
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if self._is_too_long():
                        raise
                time.sleep(self._pause)

        return patient_send

    def _is_without_database(self, response: httpx.Response, asked_at: float) -> bool:
        """Whether the server may answer so because its database is away, and not because of the request itself."""
        patience = min(self._patience, DATABASE_SECONDS)
        return response.status_code >= 500 and self._clock() - asked_at < patience

    def _is_too_long(self) -> bool:
        now = self._clock()
        if now - self._failed_at > APART_SECONDS:
            self._since = now
        self._failed_at = now
        return now - self._since >= self._patience


def wait_through_outages() -> OutageWait:
    """Have every request to Prefect's server that this process makes from now on wait while the server is away."""
    wait = OutageWait()
    wrap_requests(wait.asynchronous, wait.synchronous)
    return wait
