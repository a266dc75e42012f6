"""A layer that looks at requests passes them on, or answers in their place; connections that answered are used."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from blocks.prefect.serving import KNOWN_SECONDS, pass_requests_on, ping_seldom
from tests.rigs.fakes import FakeClock

pytestmark = pytest.mark.unit


async def refuse_eve(request: Request, call_next: Any) -> Response:
    if request.headers.get("user") == "eve":
        return PlainTextResponse("not you", 403)
    request.scope["headers"] = [*request.scope["headers"], (b"seen", b"yes")]
    return await call_next(request)


async def echo(request: Request) -> Response:
    return PlainTextResponse(f"{request.headers.get('seen')}: {(await request.body()).decode()}")


async def fail(_request: Request) -> Response:
    raise ValueError("trouble")


@pytest.fixture(params=["as Starlette has it", "as ours has it"])
def application(request) -> Starlette:
    routes = [Route("/echo", echo, methods=["POST"]), Route("/fail", fail, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=refuse_eve)])
    if request.param == "as ours has it":
        pass_requests_on(app)
    return app


async def post(app: Starlette, path: str, user: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.post(path, content=b"hello", headers={"user": user})


@pytest.mark.parametrize(
    ("path", "user", "answer"),
    [
        ("/echo", "ada", (200, "yes: hello")),
        ("/echo", "eve", (403, "not you")),
        ("/fail", "ada", (500, "Internal Server Error")),
        ("/none", "ada", (404, "Not Found")),
    ],
)
def test_a_layer_passes_on_what_it_changed_or_answers_in_its_place(application, path, user, answer):
    found = asyncio.run(post(application, path, user))
    assert (found.status_code, found.text) == answer


class Connection:
    """One of asyncpg's, as SQLAlchemy keeps it."""

    def __init__(self) -> None:
        self.asked, self.closed = 0, False

    def is_closed(self) -> bool:
        return self.closed

    @property
    def _connection(self) -> "Connection":
        return self  # by this name SQLAlchemy keeps the one of asyncpg

    def ping(self) -> None:
        self.asked += 1
        if self.closed:
            raise ConnectionError("closed")


@pytest.fixture
def clock(monkeypatch) -> FakeClock:
    monkeypatch.setattr(PGDialect_asyncpg, "do_ping", PGDialect_asyncpg.do_ping)  # as it was, at the end
    clock = FakeClock()
    ping_seldom(clock.uptime)
    return clock


def ping(connection: Any) -> bool:
    return bool(PGDialect_asyncpg().do_ping(connection))


def test_a_connection_is_asked_once_in_some_seconds_however_often_it_is_used(clock):
    connection = Connection()
    assert all(ping(connection) for _ in range(3))
    assert connection.asked == 1
    clock.pass_by(KNOWN_SECONDS)
    assert ping(connection)
    assert connection.asked == 2


def test_each_connection_is_asked_for_itself(clock):
    connections = [Connection(), Connection()]
    assert all(ping(one) for one in connections)
    assert [one.asked for one in connections] == [1, 1]


def test_a_connection_that_the_database_closed_is_not_used(clock):
    connection = Connection()
    ping(connection)
    connection.closed = True
    with pytest.raises(ConnectionError):
        ping(connection)
