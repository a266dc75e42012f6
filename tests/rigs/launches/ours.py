"""Our own: a request on Prefect's API, until the session answers through the gateway."""

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx

from pool.records import Instance
from pool.states import ENDED
from tests.rigs.launches.launcher import Launcher, LaunchFailedError
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until

START, END = "provision-instance/on-demand", "deprovision-instance/on-demand"
RETRY_SECONDS = 0.5  # before the same request again, where Prefect's server was busy, as every platform must
END_SECONDS = 600


class Ours(Launcher):
    """Sessions of a running stack.

    Args:
        stack: it runs.
        kind: what these launches are called.
        blueprint: of the stack.
        over: see `Launcher`.
    """

    def __init__(self, stack: Stack, kind: str, blueprint: str, over: threading.Event) -> None:
        super().__init__(over)
        self.kind, self.blueprint = kind, blueprint
        self._stack = stack
        self._deployments = {name: self._id_of(name) for name in (START, END)}

    def launch(self, name: str) -> None:
        began = time.monotonic()
        self.ask(START, instance_id=name, blueprint=self.blueprint)
        session = self.wait(lambda: self._recorded(name), began, f"the record of {name}")
        self.first_ok(f"http://127.0.0.1:{self._stack.gateway_port}{session.base_url}api", began)

    def ask(self, deployment: str, **parameters: object) -> str:
        """Have Prefect's API take a request; id of its run. A busy server's 503 is asked again under the same key."""
        body = {"parameters": parameters, "idempotency_key": uuid4().hex}
        path = f"/deployments/{self._deployments[deployment]}/create_flow_run"
        while (answer := self._post(path, body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            if self._over.wait(RETRY_SECONDS):
                raise LaunchFailedError("interrupted")
        answer.raise_for_status()
        return str(answer.json()["id"])

    def end(self, names: Sequence[str]) -> None:
        for name in names:
            self.ask(END, instance_id=name)
        until(lambda: self._ended(names), f"sessions {names[0]} and others end", END_SECONDS, lambda: time.sleep(0.5))

    def answered(self, names: Sequence[str]) -> dict[str, str]:
        """By session the state that a platform reads; without those that have no answer yet."""
        body = {"artifacts": {"key": {"any_": [f"instance-{name}" for name in names]}}, "limit": 200}
        found = self._post("/artifacts/latest/filter", body)
        rows = found.json() if found.is_success else []
        return {row["key"].removeprefix("instance-"): _state_in(row["data"]) for row in rows}

    def _post(self, path: str, body: dict) -> httpx.Response:
        return self._http.post(f"{self._api}{path}", json=body, auth=self._stack.login)

    @property
    def _api(self) -> str:
        return f"http://127.0.0.1:{self._stack.prefect_port}/api"

    def _id_of(self, deployment: str) -> str:
        return str(self._stack.api("GET", f"/deployments/name/{deployment}").json()["id"])

    def _recorded(self, name: str) -> Instance | None:
        return self._stack.records.instances.named([name]).get(name)

    def _ended(self, names: Sequence[str]) -> bool:
        found = self._stack.records.instances.named(names)
        return all(session.state in ENDED for session in found.values())


def _state_in(table: Any) -> str:
    with suppress(ValueError, LookupError, TypeError):
        return str((json.loads(table) if isinstance(table, str) else table)[0]["state"])
    return ""
