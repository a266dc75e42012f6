"""Let one run, or so many, at a time work on a thing; a run that died holds it for seconds, not for ever."""

from asyncio import create_task, sleep
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from blocks.database import pool_store
from pool.errors import Refused
from tasks.retrying import now

LEASE_SECONDS = 60
WAIT_SECONDS = 0.5


class Held(Refused):
    """Another run works on it; the message says which."""


@asynccontextmanager
async def lease(name: str, holder: str) -> AsyncIterator[None]:
    """Hold the lease, renewed while the body runs.

    Args:
        name: what is worked on, as in "configure main-01".
        holder: who works on it, as others will read it.

    Raises:
        Held: "configure main-01 is being done by <holder>".
    """
    _take(name, holder)
    async with _kept(name, holder):
        yield


@asynccontextmanager
async def any_lease(names: Sequence[str], holder: str) -> AsyncIterator[str]:
    """Hold one of several leases; wait until one is free. Which one, is told."""
    while not (name := pool_store().take_any_lease(names, holder, LEASE_SECONDS, now())):
        await sleep(WAIT_SECONDS)
    async with _kept(name, holder):
        yield name


@asynccontextmanager
async def _kept(name: str, holder: str) -> AsyncIterator[None]:
    renewal = create_task(_renew(name, holder))
    try:
        yield
    finally:
        renewal.cancel()
        pool_store().drop_lease(name, holder)


def _take(name: str, holder: str) -> None:
    other = pool_store().take_lease(name, holder, LEASE_SECONDS, now())
    if other:
        raise Held(f"{name} is being done by {other}")


async def _renew(name: str, holder: str) -> None:
    while True:
        await sleep(LEASE_SECONDS / 3)
        _take(name, holder)
