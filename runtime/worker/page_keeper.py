"""Keeps the operators' page fresh: a host or session that changes its state has it drawn again, in this process.

Housekeeping draws it at every tick as well, which also brings it back to a gateway that was restarted.
"""

import logging
from typing import Any

import anyio
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventFilter, EventNameFilter

from pool.errors import DockerDriverError

CHANGES = EventFilter(event=EventNameFilter(prefix=["dockerdriver.host.", "dockerdriver.instance."]))
#: Changes of so many seconds are drawn at once: a burst of sessions costs one drawing a second, about 10 ms each.
SECONDS = 1.0

_logger = logging.getLogger(__name__)


async def keep_pool_page() -> None:
    """Draw until cancelled. Trouble with the event stream or the gateway is waited out: the next change tries again."""
    while True:
        try:
            await _draw_at_changes()
        except Exception as error:  # noqa: BLE001 - whatever broke the stream: connect again
            _logger.debug("Prefect's event stream broke off: %r", error)
        await anyio.sleep(SECONDS)


async def _draw_at_changes() -> None:
    changed = anyio.Event()

    async def draw() -> None:
        nonlocal changed
        while True:
            await changed.wait()
            await anyio.sleep(SECONDS)
            changed = anyio.Event()  # before drawing: what changes meanwhile is drawn next
            await anyio.to_thread.run_sync(_draw, abandon_on_cancel=True)

    subscriber: Any = get_events_subscriber(filter=CHANGES, reconnection_attempts=0)
    async with anyio.create_task_group() as drawing, subscriber as events:
        drawing.start_soon(draw)
        async for _ in events:
            changed.set()
        drawing.cancel_scope.cancel()


def _draw() -> None:
    from tasks.gateway.pool_page import draw_now  # noqa: PLC0415 - every `prefect` command imports the warm worker

    try:
        draw_now()
    except DockerDriverError as error:
        _logger.debug("the pool page was not drawn: %s", error)
