"""A webhook as a receiver sees it: what the guide's program checks, and where nothing is sent."""

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blocks.outside import standing_in
from blocks.stored.change_webhook import ChangeWebhook
from blocks.stored.pool_config import PoolConfig
from blocks.webhooks.webhooks import Webhooks
from pool.changes import Audience
from pool.errors import WebhookTrouble
from pool.reports.webhooks import Message, key_of
from pool.store.pool_store import PoolStore
from tasks.publishing.publisher import publish_changes
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import ask
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
KEYS = [key_of(SECRET)]
MESSAGE = Message("dd-1", b'{"type": "dockerdriver.instance.running"}')


@contextmanager
def receiver(status: int = 204, location: str = "", body: bytes = b"") -> Iterator[tuple[str, list]]:
    """A receiver that answers so, with its address and what it got."""
    got: list[tuple[dict, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            got.append((headers, self.rfile.read(int(headers["content-length"]))))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{it.server_port}/hook", got
        it.shutdown()


def post(url: str, hooks: Webhooks | None = None) -> None:
    (hooks or Webhooks()).post(url, KEYS, MESSAGE, datetime.now(UTC))


def test_what_is_posted_is_the_message_with_its_headers():
    with receiver() as (url, got):
        post(url)
    ((headers, body),) = got
    assert (headers["webhook-id"], headers["content-type"], body) == ("dd-1", "application/json", MESSAGE.body)


def test_a_redirect_is_not_followed_not_even_to_this_machine():
    with receiver() as (elsewhere, reached), receiver(307, elsewhere) as (url, _):
        with pytest.raises(WebhookTrouble, match="answers 307; redirects are not followed"):
            post(url)
        assert reached == []


def test_a_receiver_that_fails_or_is_away_is_trouble_that_names_no_address():
    with receiver(500, body=b"x" * 1_000_000) as (url, _), pytest.raises(WebhookTrouble, match=r"answers 500$"):
        post(url)
    with pytest.raises(WebhookTrouble, match=r"does not answer \(ConnectError\)$"):
        post(f"http://127.0.0.1:{free_port()}/hook")


ENDLESS = {
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 1000),
    "line": (b"HTTP/1.1 200 ", b"OK" * 10000),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n", b"1\r\nx\r\n"),
}


@contextmanager
def endless_receiver(begin: bytes, more: bytes) -> Iterator[str]:
    """One that begins an answer, and says more until its client goes, or for as much as a process should not read."""

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(begin)
            for _ in range((64 << 20) // len(more)):
                connection.sendall(more)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


@pytest.mark.parametrize("of", sorted(ENDLESS))
def test_an_answer_without_end_is_not_read_to_its_end(of):
    begun, held = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with endless_receiver(*ENDLESS[of]) as url, suppress(WebhookTrouble):
        post(url)
    assert time.monotonic() - begun < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 16_000  # KB


def test_after_a_receiver_is_back_there_is_no_pause():
    hooks = Webhooks()
    with receiver(503) as (url, _), pytest.raises(WebhookTrouble):
        post(url, hooks)
    assert hooks.is_pausing(datetime.now(UTC))
    with receiver() as (url, _):
        post(url, hooks)
    assert (hooks.is_pausing(datetime.now(UTC)), hooks.trouble) == (False, "")


def test_what_was_committed_is_posted_by_a_thread_that_the_publisher_does_not_wait_for(tmp_path):
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    store.upgrade()
    with receiver() as (url, got):
        hook = ChangeWebhook(url=url, secret=SECRET)
        stored = FakeBlocks({PoolConfig: {}, ChangeWebhook: {"main": hook}})
        with standing_in(fake_outside(store=store, stored=stored, webhooks=Webhooks())):
            ask(store)
            publish_changes()
            until(lambda: not store.history.unpublished(Audience.WEBHOOK), "the change is told", 20)
    store.close()
    ((_, body),) = got
    assert json.loads(body)["data"]["instance_id"] == "alice-1"
