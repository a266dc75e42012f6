"""A server that answers as Prefect's does, and an installation that it belongs to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blocks.settings import ProcessSettings
from tests.rigs.pool_data import claim_active
from tests.rigs.services.databases import new_store


class Prefect(ThreadingHTTPServer):
    """Keeps pool `main`, and those that are made, and has every run end as the test says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.kept = {"DD_MAX_HOSTS": 4, "DD_HOST_LIFETIME": 7200}
        self.pools = {"main": self.kept}
        self.asked: list[dict] = []
        self.ends = {"type": "COMPLETED", "name": "Completed", "message": "it is done"}
        self.row = {"instance_id": "ada-1", "state": "running", "url": "http://x", "notice": ""}


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Prefect

    def do_GET(self):
        here = self.server
        last = self.path.rpartition("/")[2]
        if "/deployments/name/no-flow" in self.path or ("/name/gpu" in self.path and "gpu" not in here.pools):
            self.answer(404, {})
        elif self.path.endswith("/block_documents"):
            self.answer(200, [{"name": name, "data": {"pool": name}} for name in here.pools])
        elif "/block_documents/name/" in self.path:
            self.answer(200, {"id": last, "data": here.pools.get(last, here.kept)})
        elif "/artifacts/" in self.path:
            self.answer(200, {"data": json.dumps([here.row])})
        else:
            self.answer(200, {"id": "d-1", "state": here.ends})

    def do_POST(self):
        body = self.body()
        if self.path.endswith("/automations/filter"):
            self.answer(200, [])
            return
        if self.path.endswith("/block_documents/"):
            self.server.pools[body["name"]] = body["data"]
        self.server.asked.append(body.get("parameters", body))
        self.answer(201, {"id": "r-1"})

    def do_PATCH(self):
        kept = self.server.pools.get(self.path.rpartition("/")[2], self.server.kept)
        kept |= self.body()["data"]
        self.answer(200, {})

    def do_DELETE(self):
        del self.server.pools[self.path.rpartition("/")[2]]
        self.answer(204, {})

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def answer(self, status, body):
        text = json.dumps(body).encode() if status != 204 else b""
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def prefect():
    server = Prefect()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path, prefect):
    (tmp_path / "api-password").write_text("dockerdriver:word")
    port = prefect.server_address[1]
    settings = ProcessSettings(data=tmp_path, database="sqlite", prefect_port=port, _env_file=None)
    store = new_store(settings.data)
    claim_active(store)
    store.close()
    return settings
