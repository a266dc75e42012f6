"""How many containers one host creates and starts at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blocks.engine.client import STEP_SECONDS
from blocks.outside import outside
from pool.records import Instance
from tasks.base import blocking


@asynccontextmanager
async def turn_to_start(instance: Instance) -> AsyncIterator[None]:
    """Wait until it is the session's turn on its host, and have it for the block: first come, first served.

    The order is this process's own: a turn ends with the process that had it, and needs no end on record. No session
    waits longer than an engine may take for one step: on a host that hangs, it is to find out so, and go elsewhere.
    """
    config = await blocking(outside().kept_config, instance.pool)  # as the last tick read it: by SQL, not from Prefect
    async with outside().turns.one_of(f"starts on {instance.host}", config.DD_STARTS_PER_HOST, STEP_SECONDS):
        yield
