"""Blocks are kept in a warm worker from one run to the next: this hears of each one that changes."""

from collections.abc import Callable

import anyio
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

from blocks.stored.documents.kept_blocks import KeptBlocks
from runtime.worker.runs.run_states import RECONNECT_SECONDS

CHANGES = "prefect.block-document."  # created, updated, deleted


async def watch_blocks(kept: KeptBlocks, say: Callable[[str, object], object]) -> None:
    """Listen until cancelled; while the server's event stream is away, nothing is kept.

    Args:
        kept: is told of each change.
        say: takes a debug message and what it is about.
    """
    while True:
        try:
            await _listen(kept)
        except Exception as error:  # noqa: BLE001 - whatever broke the stream: connect again
            say("Blocks are read for each run until Prefect's event stream is back: %r", error)
        await anyio.sleep(RECONNECT_SECONDS)


async def _listen(kept: KeptBlocks) -> None:
    wanted = EventFilter(event=EventNameFilter(prefix=[CHANGES]))
    async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
        with kept.told_of_changes():
            async for _ in events:
                kept.forget()
