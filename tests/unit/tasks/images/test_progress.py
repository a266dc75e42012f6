"""The progress bar of a distribution: what stands there at last is the end."""

import asyncio
import threading
from uuid import UUID, uuid4

import pytest

from blocks.outside import standing_in
from pool.images.distribution import DistributionTally
from tasks.images import progress
from tests.rigs.fakes import FakePrefect, fake_outside

pytestmark = pytest.mark.unit


class SlowPrefect(FakePrefect):
    """Its first write takes until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end, self.bar = threading.Event(), threading.Event(), ""

    def begin_progress(self, key: str, description: str) -> UUID:
        return uuid4()

    def show_progress(self, artifact: UUID, percent: float, description: str) -> None:
        if not self.begun.is_set():
            self.begun.set()
            self.may_end.wait(10)
        self.bar = description


def test_a_write_that_is_still_under_way_does_not_land_after_that_of_the_end(monkeypatch):
    monkeypatch.setattr(progress, "SHOW_SECONDS", 0.01)
    prefect, tally = SlowPrefect(), DistributionTally(hosts=1)

    async def distribute() -> None:
        async with progress.shown("main", tally):
            await asyncio.to_thread(prefect.begun.wait, 10)
            tally.count_done()
            asyncio.get_running_loop().call_later(0.2, prefect.may_end.set)

    with standing_in(fake_outside(prefect=prefect)):
        asyncio.run(distribute())
    assert "1 of 1 host done" in prefect.bar
