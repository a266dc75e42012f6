"""Prefect's stream of events, which wakes a wait. It is a help only: without it, waits look again after pauses.

It takes the package websockets, the extra ``events``; where that is missing or the stream does not open, there is none.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .password import Password
from .steps import Heard

try:
    from websockets.asyncio.client import connect as connect_async
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect as connect_sync
except ImportError:
    _AVAILABLE = False
else:
    _AVAILABLE = True

#: To open it may take so many seconds; a wait goes on without it then.
_OPENING = 5.0
#: How often a wait looks whether its client was closed, in seconds.
_STRIDE = 0.25
#: For so long a stream hears at the most: without a date, its server would take the moment at which it opens.
_YEAR = timedelta(days=365)


class _Stream:
    """What streams of both kinds know: where to connect, and what to say then."""

    def __init__(self, address: str, password: Password, closing: Callable[[], bool]) -> None:
        self._address = f"{address.replace('http', 'ws', 1)}/events/out"
        self._password, self._closing = password, closing
        self._usable = _AVAILABLE
        self._socket: Any = None
        self._heard = ""

    @property
    def usable(self) -> bool:
        """Whether it is open, or may be opened: the package is there, and it did not fail yet."""
        return self._usable

    @property
    def _how(self) -> dict[str, Any]:
        """The arguments of ``connect``; no proxy of the environment stands between a platform and its server."""
        return {"subprotocols": ["prefect"], "open_timeout": _OPENING, "close_timeout": 1, "proxy": None}

    @property
    def _greeting(self) -> str:
        return json.dumps({"type": "auth", "token": self._password.pair})

    @staticmethod
    def _wish(resource: str) -> str:
        occurred = {"until": (datetime.now(UTC) + _YEAR).isoformat()}
        wanted = {"resource": {"id": [resource]}, "occurred": occurred}
        return json.dumps({"type": "filter", "filter": wanted, "backfill": False})


def _said(message: str | bytes) -> str:
    """The type of a message: "auth_success", "event"."""
    return str(json.loads(message).get("type"))


def _check_welcome(message: str | bytes) -> None:
    if _said(message) != "auth_success":
        raise ConnectionRefusedError("the stream of events did not open")


class EventStream(_Stream):
    """The stream for a thread that waits."""

    def listen(self, resource: str, seconds: float) -> Heard:
        """Wait for an event of the resource.

        For each other one it is opened anew, which counts as an event: what happened before was not heard.
        """
        try:
            if self._heard != resource:
                self._open(resource)
                return Heard(event=True)
            return Heard(event=self._next(seconds))
        except (OSError, ValueError, WebSocketException):
            self.close()
            return Heard(event=True)  # it may have missed one

    def close(self) -> None:
        """Close it, for good."""
        self._usable = False
        self._leave()

    def _leave(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError, WebSocketException):
                self._socket.close()

    def _open(self, resource: str) -> None:
        self._leave()  # Prefect's server reads one filter of a connection
        self._socket = connect_sync(self._address, **self._how)
        self._socket.send(self._greeting)
        _check_welcome(self._socket.recv(_OPENING))
        self._socket.send(self._wish(resource))
        self._heard = resource

    def _next(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not self._closing():
            with contextlib.suppress(TimeoutError):
                if _said(self._socket.recv(min(_STRIDE, left))) == "event":
                    return True
        return False


class AsyncEventStream(_Stream):
    """The stream for a task that waits."""

    async def listen(self, resource: str, seconds: float) -> Heard:
        """Wait for an event of the resource.

        For each other one it is opened anew, which counts as an event: what happened before was not heard.
        """
        try:
            if self._heard != resource:
                await self._open(resource)
                return Heard(event=True)
            return Heard(event=await self._next(seconds))
        except (OSError, ValueError, WebSocketException):
            await self.close()
            return Heard(event=True)  # it may have missed one

    async def close(self) -> None:
        """Close it, for good."""
        self._usable = False
        await self._leave()

    async def _leave(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError, WebSocketException):
                await self._socket.close()

    async def _open(self, resource: str) -> None:
        await self._leave()  # Prefect's server reads one filter of a connection
        self._socket = await connect_async(self._address, **self._how)
        await self._socket.send(self._greeting)
        async with asyncio.timeout(_OPENING):
            _check_welcome(await self._socket.recv())
        await self._socket.send(self._wish(resource))
        self._heard = resource

    async def _next(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not self._closing():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_STRIDE, left)):
                    if _said(await self._socket.recv()) == "event":
                        return True
        return False
