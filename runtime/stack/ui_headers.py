"""What browsers get of Prefect's server besides Prefect's own: headers, for they keep a password that is root here.

And the pictures of our kinds of blocks.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.responses import Response

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Any, Any], Awaitable[None]]

#: A session's page, which may be of the same site as this one, shows it in no frame to have it clicked unseen. Tables
#: hold what sessions wrote, in which Prefect's UI sees pictures: none is fetched from elsewhere.
POLICY = (
    "frame-ancestors 'none'; img-src 'self' data: blob: {ui}; object-src 'none'; base-uri 'self'; form-action 'self'"
)
AN_HOUR = {"cache-control": "max-age=3600"}
HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


class WithHeaders:
    """An ASGI application in front of another one.

    Args:
        app: the other one.
        ui: address of Prefect's UI, whose pictures are shown also where a browser came by another name of its machine.
    """

    def __init__(self, app: App, ui: str = "") -> None:
        self._app = app
        self._headers = ((b"content-security-policy", POLICY.format(ui=ui).encode()), *HEADERS)

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answer one request, or one event stream."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        await self._app(scope, receive, sent)


class WithPictures:
    """An ASGI application in front of another one.

    Args:
        app: the other one.
        pictures: as SVG, by the path at which they are asked for; no password is asked for them, nor for the UI.
    """

    def __init__(self, app: App, pictures: Mapping[str, bytes]) -> None:
        self._app, self._pictures = app, pictures

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Answer one request, or one event stream."""
        picture = self._pictures.get(scope["path"]) if scope["type"] == "http" else None
        answer = Response(picture, media_type="image/svg+xml", headers=AN_HOUR) if picture else self._app
        await answer(scope, receive, send)
