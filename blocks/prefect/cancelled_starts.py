"""Sessions whose start was cancelled and whose run could not end them: it was killed, or the database was away."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from pool.errors import RefusedMove
from pool.reports.run_tags import tags_of_run
from pool.sessions.cancelled import BY_MANAGER, StartRun, StartState, ends_with_run, is_cancelled
from pool.sessions.timings import Phase
from pool.states import EndCause, InstanceState
from pool.store.pool_store import PoolStore

FLOW, REASON = "provision-instance", "cancelled"
_STATES = {
    StateType.COMPLETED: StartState.ANSWERED,
    StateType.FAILED: StartState.REFUSED,
    StateType.CRASHED: StartState.REFUSED,
    StateType.CANCELLED: StartState.CANCELLED,
    StateType.CANCELLING: StartState.CANCELLED,
}


async def starts_of(client: PrefectClient, instance_id: str, cancelled: str = "") -> list[StartRun]:
    """Return the newest runs, 200 at most, that were to start a session.

    Args:
        client: of Prefect's server.
        instance_id: of the session.
        cancelled: id of a run that is known to be cancelled, whatever its state says.
    """
    its_own = FlowRunFilter(tags=FlowRunFilterTags(all_=tags_of_run({"instance_id": instance_id})))
    starts = FlowFilter(name=FlowFilterName(any_=[FLOW]))
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    found = await client.read_flow_runs(flow_filter=starts, flow_run_filter=its_own, sort=newest)
    if cancelled and cancelled not in {str(run.id) for run in found}:  # a server without our changes tags it later
        found.append(await client.read_flow_run(UUID(cancelled)))
    return [_as_start(run, cancelled) for run in found if run.state]


def _as_start(run: FlowRun, cancelled: str) -> StartRun:
    assert run.state is not None  # noqa: S101 - narrows the type
    state = _STATES.get(run.state.type, StartState.UNDER_WAY)
    state = StartState.CANCELLED if str(run.id) == cancelled else state
    by_manager = (run.idempotency_key or "").startswith(BY_MANAGER)
    return StartRun(str(run.id), state, run.state.timestamp, run.expected_start_time, by_manager)


def end_start(
    store: PoolStore, instance_id: str, run: str, starts: Iterable[StartRun], now: datetime
) -> InstanceState | None:
    """Have no run start the session any more, and a tick remove what the cancelled one had begun.

    Repeating it is harmless. It is called before the run's leases are given back: they tell what it was at.

    Args:
        store: the pool's database.
        instance_id: of the session.
        run: the cancelled run, as it holds leases.
        starts: the session's runs, that one as cancelled.
        now: the time.

    Returns:
        The state that the session was moved to; None: it was left as it is.
    """
    instance = store.instances.find(instance_id)
    if instance is None or not is_cancelled(starts, store.timings.of(instance.id).get(Phase.ACCEPTED)):
        return None
    name = f"starting of {instance.id}"
    if not ends_with_run(instance, run, store.leases.holders([name], now).get(name)):
        return None
    to = InstanceState.FAILED if instance.state is InstanceState.QUEUED else InstanceState.STOPPING
    with suppress(RefusedMove):  # another run was faster
        store.instances.move(instance.id, to, now, REASON, only_from=instance.state, cause=EndCause.NOT_STARTED)
        return to
    return None
