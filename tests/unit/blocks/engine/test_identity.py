"""What a process does whose certificate is of an authority that was rotated meanwhile, against a real TLS server."""

import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blocks.engine.connection import Connections
from blocks.engine.identity import LOOK_SECONDS, ManagerIdentity
from blocks.stored.authority import CertificateAuthority
from pool.errors import HostDistrusted
from tests.rigs.fakes import FakeBlocks

pytestmark = pytest.mark.unit


class Engine(BaseHTTPRequestHandler):
    """Says its version."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "22")
        self.end_headers()
        self.wfile.write(b'{"ApiVersion": "1.41"}')

    def log_message(self, *_: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that are not believed."""


@pytest.fixture(scope="module")
def old():
    return CertificateAuthority.create("DockerDriver dd-test").with_next()


@pytest.fixture(scope="module")
def url(old, tmp_path_factory):
    """An engine that believes the new authority alone, and shows a certificate of it."""
    files, new = tmp_path_factory.mktemp("tls"), old.promoted()
    issued = new.issue_server("main-01", "127.0.0.1", days=2)
    (files / "server.pem").write_text(issued.private_key + issued.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem")
    context.load_verify_locations(cadata=new.for_hosts)
    context.verify_mode = ssl.CERT_REQUIRED
    with QuietServer(("127.0.0.1", 0), Engine) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def stored(old):
    """The authority from before its rotation was begun."""
    before = CertificateAuthority(certificate=old.certificate, private_key=old.private_key)
    return FakeBlocks({CertificateAuthority: {"main": before}})


def version(connections: Connections) -> str:
    with connections.client("look", 5) as client:
        return client.version(api_version=False)["ApiVersion"]


def test_an_engine_of_the_new_authority_is_believed_by_a_process_that_knew_the_old_one(url, stored, old):
    manager = ManagerIdentity(stored)
    connections = Connections(url, "main-01", manager.today(), manager.looked_at_again)
    stored.replace(old.promoted())
    assert version(connections) == "1.41"


def test_an_engine_that_is_of_no_authority_of_ours_is_not_believed(url, stored):
    manager = ManagerIdentity(stored)
    with pytest.raises(HostDistrusted):
        version(Connections(url, "main-01", manager.today(), manager.looked_at_again))


def test_the_stored_authority_is_looked_at_seldom_and_an_unchanged_one_changes_nothing(stored, old):
    seconds = [100.0]
    manager = ManagerIdentity(stored, lambda: seconds[0])
    first = manager.today()
    assert manager.looked_at_again() is first
    stored.replace(old.promoted())
    assert manager.looked_at_again() is first
    seconds[0] += LOOK_SECONDS + 1
    assert manager.looked_at_again() is manager.today() is not first


def test_an_identity_that_is_replaced_closes_its_files(stored, old):
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - Path.iterdir would hold one open
    connections = Connections("https://127.0.0.1:9", "main-01", ManagerIdentity(stored).today())
    connections.close()
    del connections
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
