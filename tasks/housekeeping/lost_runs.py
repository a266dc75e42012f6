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

from blocks.outside import log, now, outside
from blocks.prefect.reruns import Busy, settle_lost_run
from pool.housekeeping.lost_runs import RunState, SeenRun, lost
from tasks.base import look_up, pool_task
from tasks.runs import all_pages, longest_seconds, state_of

YOUNG = timedelta(seconds=300)  # nothing is lost so soon
HEARTBEAT = "prefect.flow-run.heartbeat"
STATES = {
    StateType.PENDING: RunState.PENDING,
    StateType.RUNNING: RunState.RUNNING,
    StateType.CANCELLING: RunState.CANCELLING,
}


@look_up(retries=1, retry_delay_seconds=2)
async def runs_are_lost() -> bool:
    """Whether a flow run has lost its worker. Runs of other projects on the same server do not count."""
    async with outside().prefect.client() as client:
        return bool(await _lost_runs(client))


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="run flow runs that lost their worker again")
async def rerun_lost_runs() -> str:
    """Have runs that lost their worker run again, or end them where that was under way; says how many.

    Runs of other projects on the same server are left alone.
    """
    async with outside().prefect.client() as client:
        settled = [await _settle(client, run, reason) for run, reason in await _lost_runs(client)]
    return f"{sum(settled)} flow runs had lost their worker" if any(settled) else ""


async def _lost_runs(client: PrefectClient) -> list[tuple[FlowRun, str]]:
    """The runs that lost their worker, and how that is known."""
    old = await _ours(client, await _old_runs(client))
    flows = await _names_of_flows(client, {run.flow_id for run in old})
    seen = await gather(*(_seen(client, run, flows[run.flow_id]) for run in old))
    return [(run, reason) for run, look in zip(old, seen, strict=True) if (reason := lost(look, now()))]


async def _old_runs(client: PrefectClient) -> list[FlowRun]:
    under_way = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*STATES]))
    runs = await all_pages(client, flow_run_filter=FlowRunFilter(state=under_way))
    return [run for run in runs if run.deployment_id and now() - state_of(run).timestamp > YOUNG]


async def _ours(client: PrefectClient, runs: list[FlowRun]) -> list[FlowRun]:
    """The runs of this project's deployments: those whose flow stands in its package of flows."""
    ids = {run.deployment_id for run in runs if run.deployment_id}
    deployments = await gather(*map(client.read_deployment, ids))
    ours = {known.id for known in deployments if (known.entrypoint or "").startswith("flows.")}
    return [run for run in runs if run.deployment_id in ours]


async def _names_of_flows(client: PrefectClient, ids: Collection[UUID]) -> dict[UUID, str]:
    flows = await gather(*map(client.read_flow, ids))
    return {flow_id: flow.name for flow_id, flow in zip(ids, flows, strict=True)}


async def _seen(client: PrefectClient, run: FlowRun, flow: str) -> SeenRun:
    found = state_of(run)
    state = STATES[found.type]
    heartbeat = await _last_heartbeat(client, run) if state is RunState.RUNNING else None
    longest = await longest_seconds(flow, run)
    return SeenRun(str(run.id), run.name, state, found.timestamp, heartbeat, longest)


async def _last_heartbeat(client: PrefectClient, run: FlowRun) -> datetime | None:
    wanted = EventFilter(
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=state_of(run).timestamp, until=now()),
        order=EventOrder.DESC,
    )
    page = await client.read_events(wanted, limit=1)
    return page.events[0].occurred if page.events else None


async def _settle(client: PrefectClient, run: FlowRun, reason: str) -> bool:
    """Settle a lost run, unless it changed its state since it was seen; whether it was settled."""
    try:
        follows = await settle_lost_run(
            client, outside().store, run.id, reason, lambda states: states[-1].id == state_of(run).id, now()
        )
    except Busy:  # its worker's successor does so just now
        return False
    if follows:
        log().warning("flow run %s: %s; %s", run.name, reason, follows)
    return follows is not None
