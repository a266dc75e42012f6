"""What each request to Prefect's server cost before its answer was computed: changes to what it is served by.

A request went through two threads and more for values that are there at once, through two layers that each answer in a
task of its own, and asked its connection to the database three times whether it is there. As in `sparing`, no answer
changes, and all holds for the life of the process.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

from fastapi.dependencies import utils as dependencies
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response

#: Seconds for which a connection that answered is taken to be there, unless its socket was closed.
KNOWN_SECONDS = 5.0
#: Where functions of Prefect's that give requests what they need are defined; none of them waits for anything.
AT_ONCE = "prefect.server."

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
CallNext = Callable[[Request], Awaitable[Response]]


def serve_at_once(clock: Callable[[], float] = time.monotonic) -> None:
    """Have this process's Prefect server do all that follows, but for `pass_requests_on`."""
    give_at_once()
    ping_seldom(clock)


def give_at_once() -> None:
    """Have requests be given what they need by a call, where each such call was one of a thread's.

    A database interface, say, which is an object that is there. Another thread waits for the interpreter, and the
    request for the thread, while others compute: most of the time at the very moment of a burst.
    """
    in_thread: Any = dependencies.run_in_threadpool  # type: ignore[attr-defined]  # it imports it for its own use

    async def given(call: Callable[..., Any], **values: Any) -> Any:
        return call(**values) if _is_at_once(call) else await in_thread(call, **values)

    setattr(dependencies, "run_in_threadpool", given)  # noqa: B010 - see above


def _is_at_once(call: Any) -> bool:
    """Whether it is a function of Prefect's server's own; what others add may wait for something."""
    return str(getattr(call, "__module__", "")).startswith(AT_ONCE)


def pass_requests_on(app: Any) -> None:
    """Have an application of Starlette's, that has not served yet, pass requests on without a task for each layer.

    That is for layers that look at a request and then pass it on, or refuse it: no other one is known to it.
    """
    app.user_middleware[:] = [_plain(layer) for layer in app.user_middleware]


def _plain(layer: Middleware) -> Middleware:
    kind: Any = layer.cls
    dispatch: Any = layer.kwargs.get("dispatch")
    return Middleware(Looking, dispatch=dispatch) if kind is BaseHTTPMiddleware and dispatch else layer


class Looking:
    """A layer of an ASGI application: what looks at a request passes it on, or answers in its place.

    Starlette's own gives what looks the answer as well, for which each request has a task, a stream and some events.

    Args:
        app: the layer below.
        dispatch: looks; ends with what the function that it is given returns, or with an answer of its own.
    """

    def __init__(self, app: App, dispatch: Callable[[Request, CallNext], Awaitable[Response]]) -> None:
        self._app, self._dispatch = app, dispatch

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or one event stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passed = Response()

        async def pass_on(_request: Request) -> Response:
            return passed

        answer = await self._dispatch(Request(scope, receive), pass_on)
        await (self._app if answer is passed else answer)(scope, receive, send)


def ping_seldom(clock: Callable[[], float] = time.monotonic) -> None:
    """Have a connection to PostgreSQL that answered lately be used without asking whether it is there.

    It was asked before each use, by an empty statement and a transaction around it: nearly as many round trips as all
    statements of a start. A connection that the database closed is known by its socket, which is open no longer.
    """
    known = WeakKeyDictionary[Any, float]()  # until when, by the connection of the database's client
    ask: Any = PGDialect_asyncpg.do_ping

    def do_ping(self: Any, dbapi_connection: Any) -> Any:
        connection = self.get_driver_connection(dbapi_connection)
        if clock() < known.get(connection, 0.0) and not connection.is_closed():
            return True
        asked_at = clock()
        answers = ask(self, dbapi_connection)
        known[connection] = asked_at + KNOWN_SECONDS
        return answers

    setattr(PGDialect_asyncpg, "do_ping", do_ping)  # noqa: B010 - a method of SQLAlchemy's own
