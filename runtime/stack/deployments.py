"""Every deployment of prefect.yaml, by Prefect's Python API: what `prefect deploy --all` does, in less time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from runtime.worker.loaded_flows import load_flow

if TYPE_CHECKING:
    from prefect.flows import Flow

#: A link to the one at the top of the checkout, which a wheel would leave behind.
DESCRIPTION = Path(__file__).with_name("prefect.yaml")
#: Every schedule counts from here: one that counted from its deployment would be another one after each.
ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)


def deploy_all(description: Path = DESCRIPTION) -> list[str]:
    """Make or update every deployment; their names as ``<flow>/<deployment>``. Again changes nothing.

    A schedule that an operator paused stays paused.
    """
    return [deploy(entry) for entry in yaml.safe_load(description.read_text())["deployments"]]


def deploy(entry: dict) -> str:
    """Make or update the deployment that one entry of prefect.yaml describes."""
    flow: Flow[..., Any] = load_flow(entry["entrypoint"])
    deployment = RunnerDeployment.from_flow(
        flow,
        name=entry["name"],
        description=entry["description"],
        tags=entry["tags"],
        parameters=entry.get("parameters", {}),
        enforce_parameter_schema=entry["enforce_parameter_schema"],
        concurrency_limit=entry.get("concurrency_limit"),
        work_pool_name=entry["work_pool"]["name"],
        work_queue_name=entry["work_pool"].get("work_queue_name"),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    deployment.entrypoint = entry["entrypoint"]
    deployment.apply(schedules=[_schedule(schedule) for schedule in entry.get("schedules", [])])
    return f"{flow.name}/{entry['name']}"


def _schedule(entry: dict) -> dict:
    """One schedule; its slug is what an update finds it by."""
    return {"schedule": IntervalSchedule(interval=entry["interval"], anchor_date=ANCHOR), "slug": entry["slug"]}
