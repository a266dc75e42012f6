"""Put flow runs right that have lost their worker: Prefect's books would have them going on for ever."""

from asyncio import gather
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventOrder,
    EventResourceFilter,
)
from prefect.states import Cancelled, Crashed

from blocks.outside import log, now, outside
from pool.housekeeping.lost_runs import RunState, SeenRun, lost
from tasks.base import pool_task
from tasks.runs import LONGEST_SECONDS, all_pages

YOUNG = timedelta(seconds=300)  # nothing is lost so soon
HEARTBEAT = "prefect.flow-run.heartbeat"
STATES = {
    StateType.PENDING: RunState.PENDING,
    StateType.RUNNING: RunState.RUNNING,
    StateType.CANCELLING: RunState.CANCELLING,
}


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="look for flow runs that lost their worker")
async def reap_runs() -> str:
    """Mark runs that lost their worker as crashed, or as cancelled where that was under way; says how many.

    What such a run held goes on at the next tick: nobody works on it any more, and every rule looks for just that.
    """
    async with outside().prefect.client() as client:
        old = await _old_runs(client)
        flows = await _names_of_flows(client, {run.flow_id for run in old})
        seen = await gather(*(_seen(client, run, flows[run.flow_id]) for run in old))
        reasons = {run.id: reason for run in seen if (reason := lost(run, now()))}
        for run in seen:
            if run.id in reasons:
                await _end(client, run, reasons[run.id])
    return f"{len(reasons)} flow runs had lost their worker" if reasons else ""


async def _old_runs(client: PrefectClient) -> list[FlowRun]:
    under_way = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*STATES]))
    runs = await all_pages(client, flow_run_filter=FlowRunFilter(state=under_way))
    return [run for run in runs if run.deployment_id and now() - run.state.timestamp > YOUNG]


async def _names_of_flows(client: PrefectClient, ids: Collection[UUID]) -> dict[UUID, str]:
    flows = await gather(*map(client.read_flow, ids))
    return {flow_id: flow.name for flow_id, flow in zip(ids, flows, strict=True)}


async def _seen(client: PrefectClient, run: FlowRun, flow: str) -> SeenRun:
    state = STATES[run.state_type]
    heartbeat = await _last_heartbeat(client, run) if state is RunState.RUNNING else None
    return SeenRun(str(run.id), run.name, state, run.state.timestamp, heartbeat, LONGEST_SECONDS.get(flow))


async def _last_heartbeat(client: PrefectClient, run: FlowRun) -> datetime | None:
    wanted = EventFilter(
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=run.state.timestamp, until=now()),
        order=EventOrder.DESC,
    )
    page = await client.read_events(wanted, limit=1)
    return page.events[0].occurred if page.events else None


async def _end(client: PrefectClient, run: SeenRun, reason: str) -> None:
    ended = Cancelled if run.state is RunState.CANCELLING else Crashed
    log().warning("flow run %s: %s", run.name, reason)
    await client.set_flow_run_state(run.id, ended(message=f"Housekeeping: {reason}."), force=True)
