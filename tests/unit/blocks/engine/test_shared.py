"""Connections to engines that are shared in this process, and how many descriptors they cost in the long run."""

import gc
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from blocks.engine.connection import EngineIdentity
from blocks.engine.shared import LOOK_SECONDS, UNUSED_SECONDS, SharedConnections
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit

HOSTS = [f"main-{n:02}" for n in range(5)]


class Answering(BaseHTTPRequestHandler):
    """An engine that says its version and keeps connections open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "22")
        self.end_headers()
        self.wfile.write(b'{"ApiVersion": "1.41"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shared(clock):
    return SharedConnections(clock)


def identity(day: int) -> EngineIdentity:
    return EngineIdentity("authority", f"certificate of day {day}", f"key of day {day}")


def ask(shared: SharedConnections, url: str, host: str, day: int) -> None:
    with shared.of(url, host, identity(day)).client("look", 5) as client:
        client.version()


def descriptors() -> int:
    """Open sockets, those of the server in this process among them, and certificates in memory."""
    gc.collect()
    return sum(link_of(entry).startswith(("socket:", "/memfd:pem")) for entry in Path("/proc/self/fd").iterdir())


def link_of(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # closed meanwhile, as the one that lists them is
        return ""


def test_a_host_has_one_set_of_connections_however_often_it_is_asked_for(shared, url):
    assert shared.of(url, "main-01", identity(1)) is shared.of(url, "main-01", identity(1))


def test_the_descriptors_of_ten_days_are_those_of_one(shared, url):
    for host in HOSTS:
        ask(shared, url, host, 0)
    first_day = descriptors()
    for day in range(1, 10):
        for host in HOSTS:
            ask(shared, url, host, day)
    until(lambda: descriptors() <= first_day, "the server has closed its ends, too", 30)


def test_a_host_that_is_asked_for_no_more_loses_its_connections(shared, url, clock):
    before = descriptors()
    for host in HOSTS:
        ask(shared, url, host, 1)
    assert descriptors() >= before + len(HOSTS)
    clock.now += UNUSED_SECONDS + LOOK_SECONDS
    shared.of(url, "main-99", identity(1))  # it has no connection yet, but the three files of the certificate
    until(lambda: descriptors() <= before + 3, "the server has closed its ends, too", 30)


def test_a_connection_in_use_when_its_certificate_is_outdated_is_closed_when_it_is_given_back(shared, url):
    yesterdays = shared.of(url, "main-01", identity(1))
    with yesterdays.client("look", 5) as client:
        shared.of(url, "main-01", identity(2))
        assert client.version()["ApiVersion"] == "1.41"
    assert not yesterdays._idle
