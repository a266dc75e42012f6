"""What browsers are told with every answer of Prefect's server: they keep the API's password, which is root here."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

#: A session's page, which may be of the same site as this one, shows it in no frame to have it clicked unseen. Tables
#: hold what sessions wrote, in which Prefect's UI sees pictures: none is fetched from elsewhere.
POLICY = "frame-ancestors 'none'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class WithHeaders:
    """An ASGI application in front of another one.

    Args:
        app: the other one.
    """

    def __init__(self, app: Callable[[Message, Any, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answer one request, or one event stream."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self._app(scope, receive, sent)
