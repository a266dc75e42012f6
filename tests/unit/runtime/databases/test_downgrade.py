"""`python -m runtime.databases.downgrade`: what it does to the tables, and when it refuses."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from blocks.settings import ProcessSettings
from pool.errors import Refused
from runtime.databases.downgrade import downgraded
from tests.rigs.ports import free_port
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class Healthy(BaseHTTPRequestHandler):
    """What a running Prefect server answers to every GET."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no line for a request."""


@pytest.fixture
def settings(tmp_path):
    new_store(tmp_path).close()
    return ProcessSettings(data=tmp_path, database="sqlite", prefect_port=free_port(), _env_file=None)


def test_the_tables_go_back_to_the_revision_and_the_sentence_names_what_was_taken_back(settings):
    assert downgraded(settings, "0037") == "took back 0038"
    assert downgraded(settings, "0037") == "the tables are those of revision 0037 already"


def test_a_revision_without_a_way_back_is_refused(settings):
    with pytest.raises(Refused, match="no way back from revision 0035"):
        downgraded(settings, "0034")


def test_nothing_is_dropped_while_the_stack_runs(settings):
    server = HTTPServer(("127.0.0.1", settings.prefect_port), Healthy)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(Refused, match="the stack runs"):
            downgraded(settings, "0037")
    finally:
        server.shutdown()
        server.server_close()
