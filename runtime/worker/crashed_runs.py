"""Mark the runs of a killed worker process as crashed, and release what they held."""

import logging
from uuid import UUID

import anyio
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from blocks.outside import outside
from runtime.worker.run_notes import RunNotes

RETRY_SECONDS = 2.0
UNDER_WAY = (StateType.PENDING, StateType.RUNNING)


async def settle(notes: RunNotes, client: PrefectClient, log: logging.Logger | logging.LoggerAdapter) -> None:
    """Mark the runs of dead processes as crashed, and give back their leases; goes on until both are done.

    No other process can know so soon: for Prefect a run of a killed process goes on for ever, and housekeeping would
    have to wait for the longest time that it can take. A run that cannot be marked yet does not delay the others.
    """
    left = notes.left_by_the_dead()
    while left:
        for folder, runs in list(left.items()):
            left[folder] = [run_id for run_id in runs if not await _settled(run_id, client, log)]
            if not left[folder]:
                notes.forget(folder)
                del left[folder]
        await anyio.sleep(RETRY_SECONDS if left else 0)


async def _settled(run_id: UUID, client: PrefectClient, log: logging.Logger | logging.LoggerAdapter) -> bool:
    try:
        await anyio.to_thread.run_sync(outside().store.leases.drop_all_of, f"flow run {run_id}")
        await _mark(run_id, client)
    except ObjectNotFound:
        return True  # of another server, or long forgotten
    except Exception as error:  # noqa: BLE001 - what died with the worker may still be away: server, database
        log.debug("Run %s could not be marked as crashed yet: %r", run_id, error)
        return False
    return True


async def _mark(run_id: UUID, client: PrefectClient) -> None:
    state = (await client.read_flow_run(run_id)).state
    if state.is_cancelling():
        await client.set_flow_run_state(run_id, Cancelled(message="Flow run was cancelled."), force=True)
    elif state.type in UNDER_WAY:
        died = Crashed(message="Its worker process died while it ran.")
        await client.set_flow_run_state(run_id, died, force=True)
