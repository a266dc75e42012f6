"""Runs have their names and tags from the moment in which Prefect's server records them."""

from contextlib import suppress
from typing import Any

from prefect.server import models
from prefect.server.models import flow_runs
from prefect.server.schemas.core import FlowRun

from pool.reports.run_names import NAMES
from pool.reports.run_tags import tags_of_run


def name_runs_at_once() -> None:
    """Have this process's Prefect server give a run of a deployment its tags, and its name where there are many such.

    A worker says them when the run begins, by a request of its own, which it needs not where the run has them: a
    request and a transaction less for each start. And in the UI a run that waits is called what it is.
    """
    known: Any = flow_runs.create_flow_run
    read_flow: Any = models.flows.read_flow

    async def create_flow_run(session: Any, flow_run: FlowRun, **more: Any) -> Any:
        if flow_run.deployment_id:
            flow = await read_flow(session=session, flow_id=flow_run.flow_id)
            _name(flow_run, flow.name if flow else "")
        return await known(session=session, flow_run=flow_run, **more)

    setattr(models.flow_runs, "create_flow_run", create_flow_run)  # noqa: B010 - a function of Prefect's own


def _name(run: FlowRun, flow: str) -> None:
    run.tags = sorted({*run.tags, *tags_of_run(run.parameters)})
    if name := NAMES.get(flow):
        with suppress(Exception):  # whatever the parameters are: the run itself says what is wrong with them
            run.name = name(run.parameters)
