"""Start other pipelines, and see which are under way."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import arun_deployment

from tasks.verb import verb

UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@verb(retries=3, retry_delay_seconds=[1, 2, 5], task_run_name="trigger {deployment}")
async def trigger(deployment: str, parameters: dict, key: str, tags: list[str] | None = None) -> str:
    """Start a run of the deployment and return its id at once; the same *key* never starts a second one."""
    run = await arun_deployment(
        deployment, parameters=parameters, timeout=0, as_subflow=False, idempotency_key=key, tags=tags or []
    )
    return str(run.id)


@verb(retries=2, retry_delay_seconds=1, task_run_name="look for runs of {flow_name}")
async def runs_under_way(flow_name: str) -> list[FlowRun]:
    """Runs of the flow's on-demand deployment that are scheduled, pending, running or being cancelled."""
    async with get_client() as client:
        return await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["on-demand"])),
        )
