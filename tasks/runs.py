"""Start other pipelines, and see which are under way."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort

from blocks.outside import log, now, outside
from blocks.prefect.cancelled_starts import FLOW, starts_of
from pool.errors import NotFound
from pool.housekeeping.under_way import LONGEST_SECONDS, SeenWork, is_under_way, longest_start
from pool.records import FlavorSize, Instance
from pool.sessions.cancelled import is_cancelled
from pool.sessions.timings import Phase
from tasks.base import blocking, look_up, pool_task

if TYPE_CHECKING:
    from uuid import UUID

PAGE, OVERLAP = 200, 50
ASKED_FOR = ["on-demand", "with-backup"]  # deployments: all that no schedule starts
#: By which the clocks of a worker and of Prefect's server may differ, and a look still finds all that it is for.
CLOCKS_APART = timedelta(minutes=10)
UNDER_WAY = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@pool_task(retries=3, retry_delay_seconds=[1, 2, 5], task_run_name="trigger {deployment}")
async def trigger(deployment: str, parameters: dict, key: str, tags: list[str] | None = None) -> str:
    """Start a run of the deployment and return its id at once; the same *key* never starts a second one."""
    return await outside().prefect.trigger(deployment, parameters, key, tags or [])


@look_up(retries=2, retry_delay_seconds=1)
async def runs_under_way(flow_name: str) -> list[FlowRun]:
    """Runs of the flow's deployments that are asked for, not scheduled, that a worker carries out, or is about to.

    A run whose worker was killed stays Running in Prefect's books, and one may be scheduled for tonight: neither counts
    (see :func:`is_under_way`). One that is run again begins anew.
    """
    wanted = {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=[flow_name])),
        "flow_run_filter": FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNDER_WAY))),
        "deployment_filter": DeploymentFilter(name=DeploymentFilterName(any_=ASKED_FOR)),
    }
    async with outside().prefect.client() as client:
        runs = await all_pages(client, **wanted)
    limits = [await longest_seconds(flow_name, run) or 0 for run in runs]
    return [run for run, longest in zip(runs, limits, strict=True) if is_under_way(_seen(run), longest, now())]


@look_up(retries=2, retry_delay_seconds=1)
async def start_was_cancelled(instance: Instance, by: str = "") -> bool:
    """Whether a session is to end since its start was cancelled (see :func:`is_cancelled`).

    The run that was cancelled may not have come to end it: no worker was there, before it began or between a worker's
    death and its next try.

    Args:
        instance: the session, on its way to run.
        by: id of a run that is known to be cancelled.
    """
    accepted = (await blocking(outside().store.timings.of, instance.id)).get(Phase.ACCEPTED)
    async with outside().prefect.client() as client:
        return is_cancelled(await starts_of(client, instance.id, by), accepted)


@look_up(retries=2, retry_delay_seconds=1)
async def cancelled_in_queue(queue: Iterable[Instance]) -> frozenset[str]:
    """Ids of those sessions of a queue whose start was cancelled, of which no worker may have heard."""
    waiting = {one.id: one for one in queue}
    if not waiting:
        return frozenset()
    since = min(one.created_at for one in waiting.values()) - CLOCKS_APART
    wanted = {
        "flow_filter": FlowFilter(name=FlowFilterName(any_=[FLOW])),
        "flow_run_filter": FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLED])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
        ),
    }
    async with outside().prefect.client() as client:
        named = {text_parameter(run, "instance_id"): str(run.id) for run in await all_pages(client, **wanted)}
    asked_of = {one: run for one, run in named.items() if one in waiting}
    return frozenset([one for one, run in asked_of.items() if one and await start_was_cancelled(waiting[one], by=run)])


def _seen(run: FlowRun) -> SeenWork:
    state = state_of(run)
    due = (state.state_details.scheduled_time or run.expected_start_time) if state.is_scheduled() else None
    return SeenWork(state.timestamp, due)


async def longest_seconds(flow_name: str, run: FlowRun) -> int | None:
    """Return the seconds that a run of this flow can take; None: not known.

    A start takes as long as its own session may; it is looked for in SQL only where the usual time is over.
    """
    usual = LONGEST_SECONDS.get(flow_name)
    if flow_name != "provision-instance" or is_under_way(_seen(run), LONGEST_SECONDS[flow_name], now()):
        return usual
    return await blocking(_longest_start, text_parameter(run, "instance_id") or "")


def _longest_start(instance_id: str) -> int:
    usual = LONGEST_SECONDS["provision-instance"]
    try:
        return max(usual, longest_start(outside().store.instances.get(instance_id).start_timeout))
    except NotFound:  # refused, or not recorded yet
        return usual


def text_parameter(run: FlowRun, name: str, usual: str = "") -> str | None:
    """Return a parameter of another's run; None, with a line in the log, where it is no text.

    What a platform sent with one odd run is that run's trouble, and never that of the one who looks at it.
    """
    value = run.parameters.get(name, usual)
    if isinstance(value, str):
        return value
    log().warning("flow run %s is left out: its parameter %s is no text", run.name, name)
    return None


def flavor_parameter(run: FlowRun) -> FlavorSize | None:
    """Return the size that a spawn asks for, small where it says none; None, with a line in the log, for no size."""
    asked = text_parameter(run, "flavor")
    if asked and asked not in [*FlavorSize]:
        log().warning("flow run %s is left out: its parameter flavor is no size of host", run.name)
        return None
    return None if asked is None else FlavorSize(asked or FlavorSize.SMALL)


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
