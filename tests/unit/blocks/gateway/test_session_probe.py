"""The question whether a session answers, put to programs that answer well, badly, or without an end."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from blocks.gateway import session_probe
from blocks.gateway.session_probe import answers
from tests.rigs.gateways.backend import http_backend, raw_backend

pytestmark = pytest.mark.unit

OK = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def session_that_sends(pieces: Callable[[], Iterator[bytes]], pause: float = 0) -> Iterator[tuple[int, list[int]]]:
    """A session's port, and the sizes of what it could send to those who asked it."""
    sent: list[int] = []

    class Session(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.recv(65536)
                for piece in pieces():
                    self.request.sendall(piece)
                    sent.append(len(piece))
                    time.sleep(pause)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1], sent
        server.shutdown()


@pytest.mark.parametrize(
    ("first", "ready"),
    [
        (OK, True),
        (b"HTTP/1.0 302 Found\r\n", True),
        (b"HTTP/1.1 403\r\n", True),
        (b"HTTP/1.1 404 Not Found\n", True),
        (b"HTTP/1.1 500 Internal Server Error\r\n", False),
        (b"HTTP/1.1 502 Bad Gateway\r\n", False),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, False),
        (b"HTTP/1.1 2000 OK\r\n", False),
        (b"xHTTP/1.1 200 OK\r\n", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
    ],
)
def test_a_session_answers_when_its_first_line_says_so(first, ready):
    with raw_backend(first + b"Content-Length: 2\r\n\r\nok") as session:
        assert answers("127.0.0.1", session.port, "/api") is ready


def test_a_session_is_asked_for_its_path_with_its_token():
    with http_backend() as session:
        assert answers("127.0.0.1", session.port, "/notebooks/r/ü b?x=1", "token t")
    (asked,) = session.requests
    assert (asked["path"], asked["headers"]["Authorization"]) == ("/notebooks/r/%C3%BC%20b?x=1", "token t")
    assert asked["headers"]["Host"] == f"127.0.0.1:{session.port}"


def test_a_socket_that_merely_accepts_or_is_not_there_is_no_answer(monkeypatch):
    monkeypatch.setattr(session_probe, "ANSWER_SECONDS", 0.2)
    with session_that_sends(lambda: iter(())) as (port, _):
        assert not answers("127.0.0.1", port, "/")
    assert not answers("127.0.0.1", port, "/")


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: iter([OK + b"\r\n", *repeat(b"x" * 65536, 10_000)]),
        lambda: repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        lambda: repeat(b"x" * 65536),
    ],
    ids=["a body", "interim answers", "no line"],
)
def test_of_an_answer_without_end_little_is_read(pieces):
    with session_that_sends(pieces) as (port, sent):
        answers("127.0.0.1", port, "/")
    assert sum(sent) < 10_000_000  # what the kernel holds: the rest had no reader


def test_an_answer_that_comes_a_byte_at_a_time_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(session_probe, "ANSWER_SECONDS", 0.3)
    begun = time.monotonic()
    with session_that_sends(lambda: repeat(b"x"), pause=0.05) as (port, _):
        assert not answers("127.0.0.1", port, "/")
        assert time.monotonic() - begun < 20
