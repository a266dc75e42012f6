"""Which of the runs that are due are worth running."""

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.schemas.responses import WorkerFlowRunResponse


def only_the_newest_of_each_schedule(
    due: list[WorkerFlowRunResponse],
) -> tuple[list[WorkerFlowRunResponse], list[WorkerFlowRunResponse]]:
    """Split the runs that are due: those to run, and those of a schedule that a newer run supersedes."""
    by_schedule = defaultdict[UUID | None, list[WorkerFlowRunResponse]](list)
    for response in due:
        if response.flow_run.auto_scheduled:
            by_schedule[response.flow_run.deployment_id].append(response)
    newest = [max(runs, key=_due_at) for runs in by_schedule.values()]
    keep = [r for r in due if not r.flow_run.auto_scheduled or r in newest]
    return keep, [r for r in due if r not in keep]


def _due_at(response: WorkerFlowRunResponse) -> datetime:
    return response.flow_run.expected_start_time or datetime.min.replace(tzinfo=UTC)
