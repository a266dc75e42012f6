"""The states of flow runs on Prefect's server, read and written through an outage of it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import anyio
import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound

from runtime.worker.prefect_internals import OpenWorker

RECONNECT_SECONDS = 1.0

T = TypeVar("T")


class RunStates:
    """What the server says of the worker's runs, and what it is told."""

    def __init__(self, worker: OpenWorker) -> None:
        self._worker = worker

    async def read(self, run_id: UUID) -> State | None:
        """The run's state. None: there is no such run."""
        try:
            return (await self.through_outage(lambda: self._worker.client.read_flow_run(run_id))).state
        except ObjectNotFound:
            return None

    async def through_outage(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the server answers; one that is away is asked until it is back.

        Raises:
            HTTPStatusError: the server refused the request.
            ObjectNotFound: it does not know what it was asked for.
        """
        while True:
            try:
                return await ask()
            except httpx.HTTPError as error:
                self.tolerate_outage(error)
                await anyio.sleep(RECONNECT_SECONDS)

    async def end(self, run_id: UUID, state: State) -> None:
        """Set the run's last state, whatever its present one; logged when the server does not take it."""
        try:
            await self._worker.client.set_flow_run_state(run_id, state, force=True)
        except (httpx.HTTPError, ObjectNotFound) as error:
            self._worker.log.warning("Run %s could not be marked %s: %r", run_id, state.name, error)

    def tolerate_outage(self, error: httpx.HTTPError) -> None:
        """Return when the error passes with the server's outage.

        Raises:
            HTTPStatusError: the server is there and refused the request.
        """
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
            raise error
        self._worker.log.debug("Prefect's server does not answer: %r", error)
