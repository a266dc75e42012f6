"""What browsers get of Prefect's server: headers, for they keep a password that is root here; pictures; whole forms."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from starlette.responses import Response

from runtime.ui.shown_forms import completed

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Any, Any], Awaitable[None]]

#: A session's page, which may be of the same site as this one, shows it in no frame to have it clicked unseen. Tables
#: hold what sessions wrote, in which Prefect's UI sees pictures: none is fetched from elsewhere.
POLICY = (
    "frame-ancestors 'none'; img-src 'self' data: blob: {ui}; object-src 'none'; base-uri 'self'; form-action 'self'"
)
#: What the form of a flow is read from; and by what a browser is known that reads it: no program sends it.
DEPLOYMENT = re.compile(r"/api/deployments/[0-9a-f-]{36}")
OF_BROWSERS = b"sec-fetch-site"
OK = 200
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


class WithForms:
    """An ASGI application in front of another one: to browsers, the forms of flows are shown with their choices.

    Args:
        app: the other one.
        choices: reads the names that are chosen among, by what they are names of.
    """

    def __init__(self, app: App, choices: Callable[[], Awaitable[Mapping[str, Sequence[str]]]]) -> None:
        self._app, self._choices = app, choices

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answer one request, or one event stream."""
        if not _asks_for_a_form(scope):
            await self._app(scope, receive, send)
            return
        as_it_is = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def kept(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await self._app({**scope, "headers": as_it_is}, receive, kept)
        shown = await self._shown(bytes(body)) if start["status"] == OK else bytes(body)
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(shown)).encode())]})
        await send({"type": "http.response.body", "body": shown})

    async def _shown(self, body: bytes) -> bytes:
        deployment = json.loads(body)
        schema = deployment.get("parameter_openapi_schema") or {}
        deployment["parameter_openapi_schema"] = completed(schema, await self._choices())
        return json.dumps(deployment).encode()


def _asks_for_a_form(scope: Message) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or not DEPLOYMENT.fullmatch(scope["path"]):
        return False
    return any(name.lower() == OF_BROWSERS for name, _ in scope["headers"])
