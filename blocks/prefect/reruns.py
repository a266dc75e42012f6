"""Flow runs that lost their worker, on Prefect's server: run again, or ended with the reason.

The count of reruns is in the run's own history of states, so that it is the same for all who look.
"""

from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Cancelled, Crashed, Failed

from blocks.prefect.cancelled_starts import FLOW, end_start, starts_of
from pool.errors import DatabaseAway
from pool.housekeeping.lost_runs import RERUN_MARK, Follows, what_follows
from pool.store.pool_store import PoolStore

UNDER_WAY = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
CANCELLED = (StateType.CANCELLING, StateType.CANCELLED)
#: Of a run that is known to be cancelled: Prefect's engine calls it a crash where its process was told to end.
WITHOUT_RESULT = (*UNDER_WAY, StateType.CRASHED)
#: Between the look at a run and its new state no other process may come; one that dies there holds it up so long.
LEASE_SECONDS = 30
STATES = {
    Follows.RERUN: AwaitingRetry,
    Follows.CANCELLED: Cancelled,
    Follows.CRASHED: Crashed,
    Follows.FAILED: Failed,
}


class Busy(Exception):  # noqa: N818 - "except Busy" reads as a sentence
    """Another process settles the same run at this moment."""


async def settle_lost_run(
    client: PrefectClient,
    store: PoolStore,
    run_id: UUID,
    reason: str,
    is_lost: Callable[[Sequence[State]], bool],
    now: datetime,
    *,
    cancelled: bool = False,
) -> Follows | None:
    """Have a run that lost its worker run again, or end it where it must not; its leases are given back.

    The session that a cancelled run was to start ends with it, also where the run is on record as cancelled already.

    Args:
        client: of Prefect's server.
        store: the pool's database; its leases keep two processes from settling one run.
        run_id: the run. One that the server does not know, or that has ended, is left alone.
        reason: how it was lost, for its state.
        is_lost: looks at its states, oldest first, once no other process can settle it: has this worker still lost it?
        now: for the lease that keeps another process from settling the same run.
        cancelled: it is known to have been cancelled, whatever its state says.

    Returns:
        What became of it; None: nothing, it is not lost.

    Raises:
        Busy: another process settles it.
    """
    async with _settling_alone(store, run_id, now):
        try:
            run = await client.read_flow_run(run_id)
            states = sorted(await client.read_flow_run_states(run_id), key=lambda state: state.timestamp)
        except ObjectNotFound:  # of another server, or long forgotten
            return None
        if not is_lost(states):
            return None
        # Its own state counts, not the newest of its history: Prefect may mark a run as late as a worker takes it.
        state = run.state or states[-1]
        cancelled = state.type in CANCELLED or (cancelled and state.type in WITHOUT_RESULT)
        if cancelled:  # before its leases are given back, and before its state says that all is done
            await _end_its_start(client, store, run, now)
        await to_thread(store.leases.drop_all_of, _holder(run_id))
        if state.type not in (WITHOUT_RESULT if cancelled else UNDER_WAY):
            return None
        by_schedule, reruns = run.auto_scheduled, reruns_in(states)
        follows, message = what_follows(reason, cancelling=cancelled, by_schedule=by_schedule, reruns=reruns)
        # Not forced where it is to run again: should it have ended this moment, the server keeps that.
        await client.set_flow_run_state(run_id, STATES[follows](message=message), force=follows is not Follows.RERUN)
        return follows


@asynccontextmanager
async def _settling_alone(store: PoolStore, run_id: UUID, now: datetime) -> AsyncIterator[None]:
    name, holder = f"settling of flow run {run_id}", uuid4().hex
    if await to_thread(store.leases.take, name, holder, LEASE_SECONDS, now):
        raise Busy(f"another process settles flow run {run_id}")
    try:
        yield
    finally:
        with suppress(DatabaseAway):  # what was settled is settled; the lease expires
            await to_thread(store.leases.drop, name, holder)


async def _end_its_start(client: PrefectClient, store: PoolStore, run: FlowRun, now: datetime) -> None:
    flow = await client.read_flow(run.flow_id)
    if flow.name == FLOW and isinstance(session := run.parameters.get("instance_id"), str):
        starts = await starts_of(client, session, cancelled=str(run.id))
        await to_thread(end_start, store, session, _holder(run.id), starts, now)


def _holder(run_id: UUID) -> str:
    return f"flow run {run_id}"


def reruns_in(states: Sequence[State]) -> int:
    """Times that the run was run again for its lost worker; since it ended, where an operator has retried it."""
    count = 0
    for state in states:
        count = 0 if state.is_final() else count + (state.is_scheduled() and RERUN_MARK in (state.message or ""))
    return count
