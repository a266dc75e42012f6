"""Prefect as tasks and flows see it: the run that asks, other runs, events and artifacts."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from prefect import Task, get_run_logger
from prefect.artifacts import Artifact, create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import Artifact as KnownArtifact
from prefect.deployments import arun_deployment
from prefect.events import emit_event
from prefect.exceptions import MissingContextError
from prefect.runtime import deployment as own_deployment
from prefect.runtime import flow_run

from blocks.look_up import LookUp, carry_out
from pool import marks
from pool.changes import Change


class PrefectPort:
    """Prefect's API and runtime. Fakes override what they answer by themselves."""

    @property
    def run_id(self) -> str:
        """The id of the flow run that asks; "None" outside of one."""
        return str(flow_run.id)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the flow run that asks."""
        return flow_run.parameters

    def log(self) -> logging.Logger | logging.LoggerAdapter:
        """Return the logger of the run that asks; the process's own outside of one."""
        try:
            return get_run_logger()
        except MissingContextError:
            return logging.getLogger("dockerdriver")

    def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        """Run a task, with its retries; returns what can be awaited. A look-up makes no task run."""
        if isinstance(task, LookUp):
            return carry_out(task, args, kwargs, self.log())
        return Task.__call__(task, *args, **kwargs)

    def client(self) -> AbstractAsyncContextManager[PrefectClient]:
        """Open a client of Prefect's API."""
        return get_client()

    async def trigger(self, deployment: str, parameters: dict, key: str, tags: Sequence[str] = ()) -> str:
        """Start a run of a deployment and return its id at once; the same *key* never starts a second one."""
        run = await arun_deployment(
            deployment, parameters=parameters, timeout=0, as_subflow=False, idempotency_key=key, tags=list(tags)
        )
        return str(run.id)

    async def forget_runs(self, before: datetime) -> int:
        """Delete some runs of the deployment that the run which asks is of: those that were completed before a moment.

        Returns:
            How many; the server deletes 50 at most. None outside of a deployment's run.
        """
        if not own_deployment.id:
            return 0
        old = {
            "deployment_id": {"any_": [str(own_deployment.id)]},
            "state": {"type": {"any_": ["COMPLETED"]}},
            "end_time": {"before_": before.isoformat()},
        }
        async with get_client() as client:
            answer = await client.request("POST", cast("Any", "/flow_runs/bulk_delete"), json={"flow_runs": old})
        return len(answer.json()["deleted"])

    def emit(self, change: Change) -> None:
        """Hand the change to Prefect's event stream; it is sent by a thread of Prefect's own, and nothing waits for it.

        The event is named ``dockerdriver.host.<state>`` or ``dockerdriver.instance.<state>``.
        """
        emit_event(
            change.event,
            occurred=change.at,
            resource={
                "prefect.resource.id": f"dockerdriver.{change.noun}.{change.subject}",
                "prefect.resource.name": change.subject,
                marks.POOL: change.pool,
            },
            payload={
                "state": change.state,
                "reason": change.reason,
                "host": change.host,
                "pool": change.pool,
                "user": change.user,
            },
        )

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        """Leave a table as the newest artifact of this key, unless the newest has the same rows already.

        The newest is asked for each time: another process may have left it, and what is old is deleted.
        """
        data = [dict(row) for row in rows]
        if not self._shows(key, data):
            self._create_table(data, key, description)

    def _shows(self, key: str, data: list[dict]) -> bool:
        newest = Artifact.get(key=key, _sync=True)  # type: ignore[call-arg]  # as below
        return isinstance(newest, KnownArtifact) and newest.data == json.dumps(data)

    def _create_table(self, data: list[dict], key: str, description: str) -> None:
        # Without _sync Prefect would return a coroutine in an async flow's context; its types do not know the argument.
        create_table_artifact(data, key=key, description=description, _sync=True)  # type: ignore[call-arg]  # as above

    def begin_progress(self, key: str, description: str) -> UUID:
        """Leave a progress bar at 0 percent; returns what :meth:`show_progress` takes."""
        return cast("UUID", create_progress_artifact(0.0, key=key, description=description, _sync=True))  # type: ignore[call-arg]  # as above

    def show_progress(self, artifact: UUID, percent: float, description: str) -> None:
        """Move a progress bar."""
        update_progress_artifact(artifact, percent, description, _sync=True)  # type: ignore[call-arg]  # as above
