"""A connection that answered lately is used at once, unless its socket says that its server ended it."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from pool.store.pings import KNOWN_SECONDS, ping_seldom
from tests.rigs.fakes import FakeClock

pytestmark = pytest.mark.unit


class Connection:
    """One of psycopg's, to a server that is the other end of a pair of sockets."""

    def __init__(self) -> None:
        self._socket, self.server = socket.socketpair()
        self.closed, self.asked = False, 0

    def fileno(self) -> int:
        return self._socket.fileno()


@pytest.fixture
def connection():
    one = Connection()
    yield one
    one._socket.close()
    one.server.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ping(clock):
    def ask(connection: Connection) -> bool:
        connection.asked += 1
        return True

    engine: Any = SimpleNamespace(dialect=SimpleNamespace(do_ping=ask))
    ping_seldom(engine, clock.uptime)
    return engine.dialect.do_ping


def test_one_that_answered_is_used_for_some_seconds_without_asking(connection, ping, clock):
    assert all(ping(connection) for _ in range(3))
    assert connection.asked == 1
    clock.pass_by(KNOWN_SECONDS)
    ping(connection)
    assert connection.asked == 2


def test_one_whose_server_ended_it_is_asked(connection, ping):
    ping(connection)
    connection.server.close()
    ping(connection)
    assert connection.asked == 2


def test_one_whose_server_says_something_is_asked(connection, ping):
    ping(connection)
    connection.server.send(b"shutting down")
    ping(connection)
    assert connection.asked == 2


def test_one_that_was_closed_here_is_asked(connection, ping):
    ping(connection)
    connection.closed = True
    ping(connection)
    assert connection.asked == 2
