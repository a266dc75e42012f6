"""Settle the runs that lost their worker process: those of a process that was killed, and what this one leaves."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State, StateType

from blocks.outside import outside
from blocks.prefect.reruns import settle_lost_run
from pool.store.pool_store import PoolStore
from runtime.worker.runs.run_notes import RunNotes

DIED = "its worker process died while it ran"
TAKEN = "Taken by worker process "


def taken_by(owner: str) -> str:
    """The message of the Pending state by which a worker process takes a run."""
    return f"{TAKEN}{owner}"


def belongs_to(owner: str, states: Sequence[State]) -> bool:
    """Whether this worker process took the run last. Where the history does not say which, it is believed."""
    takes = [state.message or "" for state in states if state.type is StateType.PENDING]
    return not takes or not takes[-1].startswith(TAKEN) or takes[-1] == taken_by(owner)


class LostRuns:
    """Has runs run again, or ended, that no process works on any more."""

    def __init__(
        self,
        notes: RunNotes,
        log: logging.Logger | logging.LoggerAdapter,
        store: Callable[[], PoolStore] = lambda: outside().store,
        retry_seconds: float = 2.0,
    ) -> None:
        self._notes = notes
        self._log = log
        self._store = store
        self._retry_seconds = retry_seconds

    async def settle_predecessors(self, client: PrefectClient) -> None:
        """Settle what dead processes on this machine left; goes on until all of it is done.

        No other process knows so soon: for Prefect a run of a killed process goes on for ever, and housekeeping would
        have to wait for the longest time that it can take. A run that cannot be settled yet keeps no other one waiting.
        """
        left = self._notes.left_by_the_dead()
        while left:
            for folder, runs in list(left.items()):
                left[folder] = [run_id for run_id in runs if not await self._settled(client, run_id, folder)]
                if not left[folder]:
                    self._notes.forget(folder)
                    del left[folder]
            await anyio.sleep(self._retry_seconds if left else 0)

    async def settle(self, client: PrefectClient, run_id: UUID, reason: str, cancelled: bool = False) -> None:
        """Settle a run that this process took and does not work on any more; goes on until it is done."""
        while not await self._settled(client, run_id, self._notes.folder, reason, cancelled):
            await anyio.sleep(self._retry_seconds)

    async def _settled(
        self, client: PrefectClient, run_id: UUID, folder: Path, reason: str = DIED, cancelled: bool = False
    ) -> bool:
        def is_lost(states: Sequence[State]) -> bool:
            return belongs_to(folder.name, states)

        try:
            at = datetime.now(UTC)
            follows = await settle_lost_run(client, self._store(), run_id, reason, is_lost, at, cancelled=cancelled)
        except Exception as error:  # noqa: BLE001 - what died with the worker may still be away: server, database
            self._log.debug("Run %s is not settled yet: %r", run_id, error)
            return False
        if follows:
            self._log.warning("Run %s: %s; %s.", run_id, reason, follows)
        return True
