"""The progress bar of a distribution."""

from asyncio import Event, create_task, gather, wait_for
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blocks.outside import outside
from pool.images.distribution import DistributionTally
from tasks.base import blocking

SHOW_SECONDS = 2


@asynccontextmanager
async def shown(pool: str, tally: DistributionTally) -> AsyncIterator[None]:
    """Keep the progress artifact of the run up to date until the end."""
    start = outside().clock.uptime()
    key, title = f"distribution-{pool}", f"Images on their way to the hosts of {pool}"
    artifact = await blocking(outside().prefect.begin_progress, key, title)

    async def show() -> None:
        progress = tally.progress(outside().clock.uptime() - start)
        await blocking(outside().prefect.show_progress, artifact, progress.percent, f"{title}: {progress}")

    async def keep_showing() -> None:
        while True:
            try:
                await wait_for(over.wait(), SHOW_SECONDS)
            except TimeoutError:
                await show()
            else:
                return

    over, showing = Event(), create_task(keep_showing())
    try:
        yield
    finally:
        over.set()
        await gather(showing, return_exceptions=True)  # a write under way would land after that of the end
        await show()
