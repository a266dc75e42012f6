"""When the operators' page is drawn: after changes, not for each of them, and whatever becomes of the event stream."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from runtime.worker import page_keeper
from tests.rigs.gateways.gateway import PATIENCE

pytestmark = pytest.mark.unit


class Stream:
    """Prefect's event stream, as the test fills it; None breaks it off."""

    def __init__(self):
        self.events, self.subscriptions, self.drawn = asyncio.Queue(), 0, 0

    @asynccontextmanager
    async def subscribe(self, **_wanted):
        self.subscriptions += 1
        yield self._told()

    async def _told(self):
        while (event := await self.events.get()) is not None:
            yield event

    def draw(self) -> None:
        self.drawn += 1

    async def until_drawn(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.drawn < times:
                await asyncio.sleep(0.005)


def keeping(monkeypatch, story) -> Stream:
    """Play a story to a keeper; the stream, as it is afterwards."""

    async def play() -> Stream:
        stream = Stream()
        monkeypatch.setattr(page_keeper, "get_events_subscriber", stream.subscribe)
        monkeypatch.setattr(page_keeper, "_draw", stream.draw)
        monkeypatch.setattr(page_keeper, "SECONDS", 0.05)
        keeper = asyncio.create_task(page_keeper.keep_pool_page())
        await story(stream)
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        return stream

    return asyncio.run(play())


def test_a_burst_of_changes_is_drawn_once(monkeypatch):
    async def burst(stream):
        for number in range(50):
            stream.events.put_nowait(number)
        await stream.until_drawn(1)
        await asyncio.sleep(0.15)  # three times as long as a second drawing would take

    assert keeping(monkeypatch, burst).drawn == 1


def test_a_change_after_a_drawing_is_drawn_as_well(monkeypatch):
    async def two(stream):
        for times in (1, 2):
            stream.events.put_nowait("change")
            await stream.until_drawn(times)

    assert keeping(monkeypatch, two).drawn == 2


def test_a_stream_that_breaks_off_is_opened_again(monkeypatch):
    async def broken(stream):
        stream.events.put_nowait(None)
        while stream.subscriptions < 2:
            await asyncio.sleep(0.005)
        stream.events.put_nowait("change")
        await stream.until_drawn(1)

    assert keeping(monkeypatch, broken).subscriptions == 2
