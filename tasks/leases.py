"""Let one run, or so many, at a time work on a thing; a run that died holds it for seconds, not for ever."""

from asyncio import create_task, sleep
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from blocks.outside import log, now, outside
from pool.errors import Refused
from tasks.base import blocking

LEASE_SECONDS = 60
WAIT_SECONDS = 0.5
LONGEST_PAUSE = 5  # s, between two looks for a lease that is held long: each look is a write


class Held(Refused):
    """Another run works on it; the message says which."""


class Hold:
    """A lease that is held, as far as its holder can know."""

    def __init__(self, name: str, holder: str) -> None:
        """Take it.

        Raises:
            Held: another holder has it.
        """
        self.name, self._holder = name, holder
        self.renew()

    def renew(self) -> None:
        """Hold it for the full time from now.

        Where the database was away meanwhile, what was written is of the moment before that: it is written once more.

        Raises:
            Held: another holder has it by now.
        """
        self._take()
        if self._until - outside().clock.uptime() < LEASE_SECONDS / 2:
            self._take()

    def _take(self) -> None:
        asked_at = outside().clock.uptime()
        other = outside().store.leases.take(self.name, self._holder, LEASE_SECONDS, now())
        if other:
            self._until = 0.0
            raise Held(f"{self.name} is being done by {other}")
        self._until = asked_at + LEASE_SECONDS

    def check(self) -> None:
        """Ask this before each act: a process that was frozen wakes up when another one has long gone on.

        Raises:
            Held: the lease ran out, or another holder has it.
        """
        if outside().clock.uptime() >= self._until:
            raise Held(f"{self.name}: {self._holder} lost the lease and stops")

    def drop(self) -> None:
        """Give it back, if no other holder has it by now."""
        outside().store.leases.drop(self.name, self._holder)


@asynccontextmanager
async def lease(name: str, holder: str, wait: float = 0) -> AsyncIterator[Hold]:
    """Hold the lease, renewed while the body runs.

    Args:
        name: what is worked on, as in "configure main-01".
        holder: who works on it, as others will read it.
        wait: seconds that another holder is waited for.

    Raises:
        Held: "configure main-01 is being done by <holder>".
    """
    async with _kept(await _taken(name, holder, wait)) as hold:
        yield hold


async def _taken(name: str, holder: str, wait: float) -> Hold:
    begun = outside().clock.uptime()
    while True:
        try:
            return await blocking(Hold, name, holder)
        except Held:
            waited = outside().clock.uptime() - begun
            if waited >= wait:
                raise
        await sleep(max(WAIT_SECONDS, min(waited / 16, LONGEST_PAUSE)))


@asynccontextmanager
async def any_lease(names: Sequence[str], holder: str) -> AsyncIterator[str]:
    """Hold one of several leases; wait until one is free. Which one, is told."""
    while True:
        async with free_lease(names, holder) as name:
            if name:
                yield name
                return
        await sleep(WAIT_SECONDS)


@asynccontextmanager
async def free_lease(names: Sequence[str], holder: str) -> AsyncIterator[str]:
    """Hold one of several leases where one is free now. Which one, is told; empty: none."""
    name = await blocking(_take_any, names, holder)
    if not name:
        yield ""
        return
    async with _kept(await blocking(Hold, name, holder)):
        yield name


@asynccontextmanager
async def _kept(hold: Hold) -> AsyncIterator[Hold]:
    renewal = create_task(_renew(hold))
    try:
        yield hold
    finally:
        renewal.cancel()
        await _give_back(hold)


async def _give_back(hold: Hold) -> None:
    """Drop the lease. That it cannot be dropped turns no success into a failure: it expires."""
    try:
        await blocking(hold.drop)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the database
        log().warning("%s was not given back and expires in %s s: %s", hold.name, LEASE_SECONDS, type(error).__name__)


def _take_any(names: Sequence[str], holder: str) -> str | None:
    return outside().store.leases.take_any(names, holder, LEASE_SECONDS, now())


async def _renew(hold: Hold) -> None:
    while True:
        await sleep(LEASE_SECONDS / 3)
        try:
            await blocking(hold.renew)
        except Held:
            return  # its next check says so
        except Exception as error:  # noqa: BLE001 - the database is away: tried again, and in time the check says so
            log().warning("a lease could not be renewed: %s", type(error).__name__)
