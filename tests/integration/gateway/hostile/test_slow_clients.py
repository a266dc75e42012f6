"""Sixteen hundred clients that take their time: no other client waits for them, the gateway not for ever."""

import contextlib
import select
import selectors
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.rigs.gateways.backend import http_backend
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

SLOW_CLIENTS, REQUESTS, A_FEW = 1600, 50, 3
HEADER_SECONDS = 15  # client_header_timeout of nginx.conf
BUSY_SECONDS = 60  # that a machine with much else to do may need besides


class Slow:
    """Connections that send one byte of their headers a second, in a thread of their own, until they are dropped."""

    def __init__(self, port: int, path: str):
        self.open = {socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW_CLIENTS)}
        self.began = tuple(self.open)
        self.over = threading.Event()
        self._say(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode())
        self.thread = threading.Thread(target=self._drip)
        self.thread.start()

    def _drip(self) -> None:
        while not self.over.wait(1):
            self._forget_the_dropped()
            self._say(b"a")

    def _say(self, text: bytes) -> None:
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.sendall(text)

    def _forget_the_dropped(self) -> None:
        with selectors.DefaultSelector() as selector:
            for connection in self.open:  # the gateway has nothing to say to half a header
                selector.register(connection, selectors.EVENT_READ, connection)
            dropped: list[socket.socket] = [key.data for key, _ in selector.select(0)]
        for connection in dropped:
            self.open.discard(connection)
            connection.close()

    def all_wait(self) -> bool:
        """Whether the gateway has neither answered nor dropped a single one until now."""
        looked = select.poll()
        try:
            for connection in self.began:
                looked.register(connection, select.POLLIN)
        except ValueError:  # one was closed, as it had been dropped
            return False
        return not looked.poll(0)

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        for connection in self.open:
            connection.close()


@contextlib.contextmanager
def slow_clients(port: int, path: str) -> Iterator[Slow]:
    slow = Slow(port, path)
    try:
        yield slow
    finally:
        slow.end()


def answered_beside(slow: Slow, browser: httpx.Client, path: str) -> int:
    """How many of fifty requests are answered while all of the slow ones still wait: no time is looked at."""
    count = 0
    while count < REQUESTS and browser.get(path).status_code == 200 and slow.all_wait():
        count += 1
    return count


def test_many_hundred_clients_of_a_byte_a_second_keep_no_other_waiting_and_are_dropped():
    path = f"/notebooks/{route_to(0).id}/"
    with running_gateway() as gateway, http_backend() as session, httpx.Client(trust_env=False, timeout=60) as browser:
        browser.base_url = gateway.url
        gateway.client.add_route(route_to(session.port))
        with slow_clients(gateway.config.port, path) as slow:
            assert answered_beside(slow, browser, path) >= A_FEW  # on a busy machine their time is over before fifty
            until(lambda: not slow.open, "all of them are dropped", HEADER_SECONDS + BUSY_SECONDS)
        assert browser.get(path).status_code == 200


def test_an_upload_that_stands_still_holds_its_own_connection_alone():
    with running_gateway(session_connections=4) as gateway, http_backend() as session, contextlib.ExitStack() as stack:
        for name in ("alice", "bob"):
            gateway.client.add_route(route_to(session.port, name))
        head = f"PUT /notebooks/{route_to(0).id}/f HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx".encode()
        for _ in range(4):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.config.port))).sendall(head)
        alice, bob = (f"{gateway.url}/notebooks/{route_to(0, name).id}/" for name in ("alice", "bob"))
        until(lambda: httpx.get(alice, trust_env=False).status_code == 429, "the session has its share")
        assert httpx.get(bob, trust_env=False).status_code == 200
