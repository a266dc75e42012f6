"""Reads the runs that events tell of: one alone at once, those that come while one request is under way by the next."""

import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import anyio
import httpx
from prefect.client.schemas.objects import FlowRun

#: Seconds for which a run is looked for that is not there. The event is sent before the server commits the run.
PATIENCE_SECONDS = 1.5
SHORTEST_PAUSE = 0.03
MOST = 100  # runs that one request asks for

Read = Callable[[Sequence[UUID]], Awaitable[Sequence[FlowRun]]]


class ToldRuns:
    """Runs that were told of and not read yet. All calls are made on one event loop.

    Twenty that are asked for at once would else cost the server twenty requests and more, at the very moment at which
    others ask it for runs.

    Args:
        read: returns those of these runs that the server has.
        take: is given the runs that were read, in the order in which they are due.
        patience: seconds for which a run is looked for that is not there.
    """

    def __init__(
        self,
        read: Read,
        take: Callable[[list[FlowRun]], Awaitable[object]],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._read, self._take, self._patience = read, take, patience
        self._told: dict[UUID, float] = {}
        self._more = anyio.Event()
        self._reading = False

    async def add(self, run_id: UUID) -> None:
        """Have the run read and taken; returns soon where a call before it does so already."""
        self._told[run_id] = time.monotonic()
        self._more.set()
        if self._reading:
            return
        self._reading = True
        try:
            while self._told:
                await self._read_those_told()
        finally:
            self._reading = False

    async def _read_those_told(self) -> None:
        self._more = anyio.Event()
        asked = list(self._told)[:MOST]
        try:
            found = await self._read(asked)
        except httpx.HTTPError:  # the next poll finds them
            self._forget(asked)
            return
        self._forget([run.id for run in found])
        await self._take(list(found))
        self._forget([run_id for run_id in asked if self._age(run_id) >= self._patience])
        if self._told.keys() <= set(asked):
            await self._pause()

    async def _pause(self) -> None:
        """Wait until more are told of, or it is time for another look at those that were not there."""
        if ages := [self._age(run_id) for run_id in self._told]:
            with anyio.move_on_after(max(SHORTEST_PAUSE, 2 * min(ages))):
                await self._more.wait()

    def _age(self, run_id: UUID) -> float:
        return time.monotonic() - self._told.get(run_id, float("inf"))

    def _forget(self, run_ids: Sequence[UUID]) -> None:
        for run_id in run_ids:
            self._told.pop(run_id, None)
