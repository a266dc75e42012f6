"""Which passwords open Prefect's API: those on file now, besides the one that the server was started with.

Prefect's server knows one pair, from its start to its end. Ours is the stack's own, which no person sees. In a request
that brings a pair of the files, that one is put in its place before Prefect looks; all else is Prefect's to refuse.
Most requests are the stack's own: for them no file is read.
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Any], Awaitable[None]]
AUTHORIZATION = b"authorization"


class Passwords:
    """An ASGI application in front of Prefect's.

    Args:
        app: Prefect's.
        own: the pair that it was started with.
        accepted: reads the pairs that open it, at each request with another pair than *own*.
    """

    def __init__(self, app: App, own: str, accepted: Callable[[], list[str]]) -> None:
        self._app, self._own, self._accepted = app, own, accepted

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        """Answer one request, or one event stream."""
        if scope["type"] == "http":
            scope = {**scope, "headers": [(name, self._header(name, value)) for name, value in scope["headers"]]}
        elif scope["type"] == "websocket":
            receive = self._of_stream(receive)
        await self._app(scope, receive, send)

    def _header(self, name: bytes, value: bytes) -> bytes:
        pair = _pair_of(value) if name.lower() == AUTHORIZATION else None
        return b"Basic " + base64.b64encode(self._own.encode()) if pair and self._opens(pair) else value

    def _of_stream(self, receive: Receive) -> Receive:
        """Return what receives the stream's messages: the first one brings the pair."""
        first = True

        async def received() -> Message:
            nonlocal first
            message = await receive()
            if first and message["type"] == "websocket.receive":
                first = False
                return self._login(message)
            return message

        return received

    def _login(self, message: Message) -> Message:
        with suppress(ValueError):
            said = json.loads(message.get("text") or message.get("bytes") or "")
            if isinstance(said, dict) and isinstance(said.get("token"), str) and self._opens(said["token"]):
                return {"type": message["type"], "text": json.dumps(said | {"token": self._own})}
        return message

    def _opens(self, pair: str) -> bool:
        """Compare with every pair, in a time that tells nothing of where they differ."""
        if hmac.compare_digest(pair.encode(), self._own.encode()):
            return False  # Prefect knows it itself
        matches = [hmac.compare_digest(pair.encode(), one.encode()) for one in self._accepted()]
        return any(matches)


def _pair_of(header: bytes) -> str | None:
    with suppress(ValueError):  # of another form, or not of this coding
        scheme, word = header.split()
        if scheme == b"Basic":
            return base64.b64decode(word).decode()
    return None
