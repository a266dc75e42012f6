"""Prefect as tasks and flows see it: the run that asks, other runs, events and artifacts."""

import json
import logging
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import datetime
from functools import cached_property
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import Task, get_run_logger
from prefect.artifacts import (
    Artifact,
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import Artifact as KnownArtifact
from prefect.deployments import arun_deployment
from prefect.events import emit_event
from prefect.exceptions import FlowPauseTimeout, MissingContextError, ObjectNotFound
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import deployment as own_deployment
from prefect.runtime import flow_run
from pydantic import Field

from blocks.addresses.ui import ui_address
from blocks.look_up import LookUp, carry_out
from blocks.prefect.answers import PAGE, Answer, AskingRuns, WrittenAnswers, write_changed
from blocks.prefect.troubles import TroubleEvents
from pool import marks
from pool.changes import Change
from pool.reports.run_forms import RunForms

FEW = 50  # that are asked for at once where mostly none is wanted
MOST_OLD = 1000
#: In a process without a loop of its own it would return no coroutine; its types do not know that ours are all async.
_pause: Any = pause_flow_run


class Confirmation(RunInput):
    """The form that a paused run shows."""

    go_on: bool = Field(False, title="Yes, go on")


class PrefectPort:
    """Prefect's API and runtime. Fakes override what they answer by themselves."""

    _forms: RunForms | None = None

    @cached_property
    def _asking(self) -> AskingRuns:
        return AskingRuns()

    @cached_property
    def _written(self) -> WrittenAnswers:
        return WrittenAnswers()

    def __init__(self) -> None:
        self._troubles = TroubleEvents()

    @property
    def run_id(self) -> str:
        """The id of the flow run that asks; "None" outside of one."""
        return str(flow_run.id)

    @property
    def accepted_at(self) -> datetime | None:
        """When the flow run that asks was to begin: the moment in which it was asked for, if not later."""
        return flow_run.scheduled_start_time

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

    async def confirmed(self, question: str, seconds: int) -> bool:
        """Pause the flow run that asks, with a form that shows a question; whether it is answered with yes in time."""
        form = Confirmation.with_initial_data(description=f"{question}. Is that meant?")
        try:
            answer = await _pause(wait_for_input=form, timeout=seconds)
        except FlowPauseTimeout:
            return False
        return answer.go_on

    async def tag(self, tags: Sequence[str]) -> None:
        """Give the flow run that asks these tags, beside those that it has."""
        if flow_run.id and not set(tags) <= set(flow_run.tags):
            async with get_client() as client:
                await client.update_flow_run(UUID(flow_run.id), tags=[*{*flow_run.tags, *tags}])

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
            answer = await client.request("POST", _path("/flow_runs/bulk_delete"), json={"flow_runs": old})
        return len(answer.json()["deleted"])

    def run_forms(self, flows: Sequence[str]) -> RunForms:
        """Where Prefect's UI has the forms of these flows' deployments ``on-demand``.

        Asked for once in a process; none is known while the server does not answer, or before `make up` made them.
        """
        if self._forms is None or not set(flows) <= set(self._forms.deployments):
            with suppress(httpx.HTTPError, ObjectNotFound):
                self._forms = RunForms(ui_address(), self._deployments(flows))
        return self._forms or RunForms()

    @staticmethod
    def _deployments(flows: Sequence[str]) -> dict[str, str]:
        with get_client(sync_client=True) as client:
            return {flow: str(client.read_deployment_by_name(f"{flow}/on-demand").id) for flow in flows}

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

    def tell_troubles(self, pool: str, troubles: Mapping[str, str]) -> None:
        """Hand the troubles of a pool's tick to Prefect's event stream: each kind when it begins, not at each tick.

        Args:
            pool: its name.
            troubles: sentences by kind; each is the event ``dockerdriver.pool.<kind>``.
        """
        self._troubles.tell(pool, troubles)

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        """Leave a table as the newest artifact of this key, unless the newest has the same rows already.

        The newest is asked for each time: another process may have left it, and what is old is deleted. Prefect deletes
        it with the run that wrote it.

        Args:
            rows: of the table.
            key: of the artifact.
            description: of the artifact.
        """
        data = [dict(row) for row in rows]
        if self._newest(key) != json.dumps(data):
            # Without _sync it would return a coroutine in an async flow's context; its types do not know the argument.
            create_table_artifact(data, key=key, description=description, _sync=True)  # type: ignore[call-arg]

    def write_picture(self, svg: str, key: str, description: str) -> None:
        """Leave a picture as the newest artifact of this key, unless the newest is the same already; as `write_table`.

        The artifact holds it whole: its page shows it without asking for anything else.
        """
        address = "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()
        if self._newest(key) != address:
            create_image_artifact(address, key=key, description=description, _sync=True)  # type: ignore[call-arg]  # as above

    def _newest(self, key: str) -> object:
        """Return what the newest artifact of this key holds; None where there is none."""
        newest = Artifact.get(key=key, _sync=True)  # type: ignore[call-arg]  # as above
        return newest.data if isinstance(newest, KnownArtifact) else None

    def write_answers(self, answers: Sequence[Answer]) -> None:
        """Leave each answer as `write_table` does a table, but as no run's: it stays until `delete_tables`.

        One that the server refuses holds up none after it.

        Raises:
            httpx.HTTPError: the server is away, or refused one; the last one that it refused.
        """
        with get_client(sync_client=True) as client:
            write_changed(client, answers, self._asking, self._written)

    def show_on_own_page(self, keys: Iterable[str], run: str = "") -> None:
        """Have the page of a flow run show the next answer of each key, if that is not the last one.

        Args:
            keys: of the answers.
            run: id of the flow run; empty: the one that asks.
        """
        if asks := run or flow_run.id:
            self._asking.note(keys, asks)

    async def old_tables(self, prefix: str, since: datetime) -> list[str]:
        """List keys of artifacts that begin so and were not written since, the oldest first; some of many."""
        wanted, found = {"key": {"like_": prefix}}, list[str]()
        async with get_client() as client:
            answer = await client.request("POST", _path("/artifacts/latest/count"), json={"artifacts": wanted})
            for end in range(answer.json(), 0, -FEW):
                page = {
                    "artifacts": wanted,
                    "sort": "UPDATED_DESC",
                    "offset": max(0, end - FEW),
                    "limit": min(FEW, end),
                }
                answer = await client.request("POST", _path("/artifacts/latest/filter"), json=page)
                rows = answer.json()
                old = [row["key"] for row in rows if datetime.fromisoformat(row["updated"]) < since]
                found += [key for key in reversed(old) if key.startswith(prefix)]
                if len(old) < len(rows) or len(found) >= MOST_OLD:
                    break
        return list(dict.fromkeys(found))

    async def delete_tables(self, keys: Sequence[str]) -> int:
        """Delete all artifacts of these keys, the oldest first; how many, 200 at the most."""
        wanted = {"artifacts": {"key": {"any_": list(keys)}}, "sort": "CREATED_DESC", "limit": PAGE}
        async with get_client() as client:
            answer = await client.request("POST", _path("/artifacts/filter"), json=wanted)
            found = answer.json()
            for artifact in reversed(found):
                with suppress(ObjectNotFound):  # another housekeeper was faster
                    await client.delete_artifact(UUID(artifact["id"]))
        return len(found)

    def begin_progress(self, key: str, description: str) -> UUID:
        """Leave a progress bar at 0 percent; returns what :meth:`show_progress` takes."""
        return cast("UUID", create_progress_artifact(0.0, key=key, description=description, _sync=True))  # type: ignore[call-arg]  # as above

    def show_progress(self, artifact: UUID, percent: float, description: str) -> None:
        """Move a progress bar."""
        update_progress_artifact(artifact, percent, description, _sync=True)  # type: ignore[call-arg]  # as above


def _path(path: str) -> Any:
    """A path of Prefect's API that its client's types do not list."""
    return path
