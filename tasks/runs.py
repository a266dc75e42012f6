"""Start other pipelines, and see which are under way."""

from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort

from blocks.outside import now, outside
from tasks.base import look_up, pool_task

if TYPE_CHECKING:
    from uuid import UUID

#: A run of these flows that is still going after so long has lost its worker: the sum of its tasks' own time limits.
LONGEST_SECONDS = {
    "spawn-host": 1200,
    "configure-host": 3000,
    "bake-host-image": 6000,
    "provision-instance": 600,
    "deprovision-instance": 300,
    "distribute-images": 7200,
}
PAGE, OVERLAP = 200, 50
UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@pool_task(retries=3, retry_delay_seconds=[1, 2, 5], task_run_name="trigger {deployment}")
async def trigger(deployment: str, parameters: dict, key: str, tags: list[str] | None = None) -> str:
    """Start a run of the deployment and return its id at once; the same *key* never starts a second one."""
    return await outside().prefect.trigger(deployment, parameters, key, tags or [])


@look_up(retries=2, retry_delay_seconds=1)
async def runs_under_way(flow_name: str) -> list[FlowRun]:
    """Runs of the flow's on-demand deployment that are scheduled, pending, running or being cancelled.

    A run whose worker was killed stays Running in Prefect's books. One that is longer in its state than it can be (see
    ``LONGEST_SECONDS``) is not counted, so that what it left behind is found. One that is run again begins anew.
    """
    since = now() - timedelta(seconds=LONGEST_SECONDS[flow_name])
    wanted = {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=[flow_name])),
        "flow_run_filter": FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
        "deployment_filter": DeploymentFilter(name=DeploymentFilterName(any_=["on-demand"])),
    }
    async with outside().prefect.client() as client:
        runs = await all_pages(client, **wanted)
    return [run for run in runs if _began(run) > since]


def _began(run: FlowRun) -> datetime:
    """When it was due, or when it came into its state."""
    return max(moment for moment in (run.expected_start_time, state_of(run).timestamp) if moment)


def state_of(run: FlowRun) -> State:
    """Return the state of a run that the server answered with: it always has one, though its type allows none."""
    assert run.state is not None  # noqa: S101 - narrows the type
    return run.state


async def all_pages(client: PrefectClient, **wanted: Any) -> list[FlowRun]:
    """All runs that filters find: the server answers with 200 at most, and a run on the next page counts as well.

    A run that is added meanwhile comes last. Pages overlap: runs that end meanwhile let later ones move up.
    """
    order = FlowRunSort.EXPECTED_START_TIME_ASC
    found: dict[UUID, FlowRun] = {}
    for offset in count(0, PAGE - OVERLAP):
        page = await client.read_flow_runs(**wanted, sort=order, limit=PAGE, offset=offset)
        found |= {run.id: run for run in page}
        if len(page) < PAGE:
            break
    return list(found.values())
