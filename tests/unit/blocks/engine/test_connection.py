"""The connections to an engine that answers with trouble at once."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from blocks.engine.connection import Connections
from pool.errors import EngineTrouble

pytestmark = pytest.mark.unit


class Starting(BaseHTTPRequestHandler):
    """An engine, or a proxy before it, that is not ready."""

    def do_GET(self):
        self.send_error(503, "starting")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def connections():
    with HTTPServer(("127.0.0.1", 0), Starting) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield Connections(f"http://127.0.0.1:{server.server_address[1]}", "main-01")
        server.shutdown()


def test_an_engine_that_refuses_its_version_is_named_each_time_it_is_asked(connections):
    for _ in range(2):
        with (
            pytest.raises(EngineTrouble, match="host main-01: the engine refused to look: "),
            connections.client("look", 5),
        ):
            pass
