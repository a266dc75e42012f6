"""How long a request waits for Prefect's server."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from runtime.worker.server_outage import OutageWait

pytestmark = pytest.mark.unit


class Server:
    """Refuses connections until a time of its own clock, which every look moves on by a second."""

    def __init__(self, back_at: float, has_database_at: float = 0.0):
        self.now, self.back_at, self.has_database_at = 0.0, back_at, has_database_at

    def clock(self) -> float:
        self.now += 1
        return self.now

    def send(self) -> httpx.Response:
        if self.now < self.back_at:
            raise httpx.ConnectError("Connection refused")
        status = 200 if self.now >= self.has_database_at else 500
        return httpx.Response(status, text=f"answered at {self.now:.0f}")

    async def send_async(self) -> httpx.Response:
        return self.send()

    def wait(self, patience: float) -> OutageWait:
        return OutageWait(patience, pause=0, clock=self.clock)


def test_a_request_waits_until_the_server_is_back():
    server = Server(back_at=200)
    assert server.wait(300).synchronous(server.send)().text == "answered at 200"


async def asked(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    return await send()


def test_a_request_waits_no_longer_than_its_patience():
    server = Server(back_at=400)
    with pytest.raises(httpx.ConnectError):
        server.wait(300).synchronous(server.send)()
    assert server.now == 302


def test_what_is_asked_again_in_the_same_outage_does_not_wait_anew():
    server = Server(back_at=400)
    wait = server.wait(300)
    for _ in range(3):  # as Prefect's own retries do
        with pytest.raises(httpx.ConnectError):
            asyncio.run(asked(wait.asynchronous(server.send_async)))
    assert server.now == 306


def test_the_next_outage_is_waited_for_again():
    server = Server(back_at=10)
    wait = server.wait(20)
    wait.synchronous(server.send)()
    server.now, server.back_at = 1000, 1015
    assert wait.synchronous(server.send)().text == "answered at 1015"


def test_a_process_that_stops_waits_no_more():
    server = Server(back_at=400)
    wait = server.wait(300)
    wait.end()
    with pytest.raises(httpx.ConnectError):
        wait.synchronous(server.send)()
    assert server.now == 2


def test_a_request_waits_for_a_server_that_has_no_database():
    server = Server(back_at=0, has_database_at=60)
    assert server.wait(300).synchronous(server.send)().status_code == 200


def test_a_request_that_the_server_cannot_answer_gets_its_error_after_a_while():
    server = Server(back_at=0, has_database_at=9999)
    assert server.wait(300).synchronous(server.send)().status_code == 500
    assert server.now <= 95
