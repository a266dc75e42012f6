"""A webhook as a receiver sees it: what the guide's program checks, and where nothing is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
