"""What a cancelled task and a closed client leave behind: no request that is half asked."""

import asyncio
import threading
from contextlib import suppress

import httpx
import pytest

from dockerdriver_client import AsyncClient, Client, Closed, Pauses
from dockerdriver_client.settings import Settings

from .conftest import ADDRESS, PASSWORD, answer

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]

PATIENT = Settings(events=False)
START = "/api/deployments/1/create_flow_run"


class SlowApi(httpx.AsyncBaseTransport):
    """Holds the answer back until it is let go, and counts requests begun and answered."""

    def __init__(self, held: str) -> None:
        self.held = held
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.asked, self.answered = list[str](), list[str]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == self.held:
            self.begun.set()
            await self.go.wait()
        self.answered.append(path)
        return httpx.Response(200, json=answer("queued") if "artifacts" in path else {"id": "1"})


def client_of(api: httpx.AsyncBaseTransport, settings: Settings = PATIENT) -> AsyncClient:
    return AsyncClient(ADDRESS, password=PASSWORD, settings=settings, transport=api)


def test_a_task_that_is_cancelled_while_it_starts_a_session_ends_once_the_request_is_answered():
    async def story() -> SlowApi:
        api = SlowApi(START)
        async with client_of(api) as client:
            start = asyncio.create_task(client.start("ada-1"))
            await api.begun.wait()
            for _ in range(3):
                start.cancel()
                await asyncio.sleep(0)
            assert not start.done()
            api.go.set()
            with pytest.raises(asyncio.CancelledError):
                await start
        return api

    api = asyncio.run(story())
    assert api.asked == api.answered
    assert api.asked[-1] == START  # and nothing was asked after it


def test_a_task_that_is_cancelled_while_it_reads_ends_at_once():
    async def story() -> None:
        api = SlowApi("/api/artifacts/instance-ada-1/latest")
        async with client_of(api) as client:
            get = asyncio.create_task(client.get("ada-1"))
            await api.begun.wait()
            get.cancel()
            with pytest.raises(asyncio.CancelledError):
                await get

    asyncio.run(story())


def test_a_task_that_is_cancelled_in_a_pause_asks_nothing_more():
    async def story() -> SlowApi:
        api = SlowApi("")
        async with client_of(api, Settings(events=False, looks=Pauses(first=0.1), chance=lambda: 1.0)) as client:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.wait("ada-1")
            before = len(api.asked)
            await asyncio.sleep(0.15)  # longer than the pause would have been
            assert len(api.asked) == before
        return api

    asyncio.run(story())


def test_closing_ends_a_wait_and_lets_a_request_be_answered_first():
    async def story() -> SlowApi:
        api = SlowApi(START)
        client = client_of(api)
        start, wait = asyncio.create_task(client.start("ada-1")), asyncio.create_task(client.wait("ada-1"))
        await api.begun.wait()
        closing = asyncio.create_task(client.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
        api.go.set()
        await closing
        for each in (start, wait):
            with pytest.raises(Closed):
                await each
        return api

    api = asyncio.run(story())
    assert api.asked == api.answered


def test_closing_from_another_thread_ends_a_wait_and_lets_a_request_be_answered_first():
    begun, go, answered = threading.Event(), threading.Event(), list[str]()

    def answers(request: httpx.Request) -> httpx.Response:
        begun.set()
        go.wait()
        answered.append(request.url.path)
        return httpx.Response(200, json=answer("queued"))

    client = Client(ADDRESS, password=PASSWORD, settings=PATIENT, transport=httpx.MockTransport(answers))
    ended = list[BaseException]()

    def wait() -> None:
        try:
            client.wait("ada-1", timeout=30)
        except Closed as closed:
            ended.append(closed)

    waiting, closing = (threading.Thread(target=each, daemon=True) for each in (wait, client.close))
    waiting.start()
    begun.wait()
    closing.start()
    closing.join(0.05)
    assert closing.is_alive()
    go.set()
    for thread in (closing, waiting):
        thread.join(10)
    assert (len(ended), len(answered)) == (1, 1)


def test_a_closed_client_says_that_it_is_closed(kind, api):
    client = kind(api)
    client("aclose" if hasattr(client, "aclose") else "close")
    with pytest.raises(Closed):
        client("get", "ada-1")
