"""An engine that falls silent in the middle of the files of a container."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.connection import Connections
from pool.errors import HostUnreachable

pytestmark = pytest.mark.unit


class FallsSilent(BaseHTTPRequestHandler):
    """An engine whose host froze after the first bytes of an archive."""

    thawed = threading.Event()

    def do_GET(self):
        body = b"the first bytes" if "/archive" in self.path else b'{"ApiVersion": "1.41"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + ("/archive" in self.path)))
        self.end_headers()
        self.wfile.write(body)
        if "/archive" in self.path:
            self.thawed.wait(30)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine() -> Iterator[HostEngine]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FallsSilent) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield HostEngine(Connections(f"http://127.0.0.1:{server.server_address[1]}", "main-01"), "")
        FallsSilent.thawed.set()
        server.shutdown()


def test_an_engine_that_falls_silent_in_the_middle_of_a_file_is_given_up(engine, monkeypatch):
    monkeypatch.setattr("blocks.engine.containers.files.SILENT_SECONDS", 0.2)
    with pytest.raises(HostUnreachable, match=r"main-01: the engine could not read /home .* timed out"):
        b"".join(engine.read_files("dd-alice", "/home"))
