"""The whole real stack, brought up and down as an operator would, in a data directory and on ports of its own."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from blocks.settings import ProcessSettings
from pool.store.pool_store import PoolStore

CHECKOUT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).parent / "dockerdriver"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass
class Stack:
    """One installation. ``data`` is kept between runs: images that are built once need not be built again."""

    data: Path
    gateway_port: int
    prefect_port: int
    settings: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (str(COMMAND),)
    first_output: str = ""  # what the first `up` printed, where a fixture kept it
    first_link: str = ""  # that was in it
    first_visit: httpx.Response | None = None  # what answered there

    @property
    def environment(self) -> dict[str, str]:
        """What an operator would have exported."""
        ours = {
            "DD_DATA": str(self.data),
            "DD_GATEWAY_PORT": str(self.gateway_port),
            "DD_PREFECT_PORT": str(self.prefect_port),
            "DD_STANDBY_PROCESSES": "false",  # seconds of a core at each start
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DD_", "PREFECT_"))}
        return inherited | ours | self.settings

    @property
    def engine(self) -> str:
        """URL of the engine that the stack uses: the machine's, or one of its own."""
        return (self.data / "engine.url").read_text().strip()

    @property
    def login(self) -> tuple[str, str]:
        """User name and password of Prefect's API, as the operator gives them to a platform."""
        file = self.data / "api-password"  # which versions before it do not make
        user, password = file.read_text().strip().split(":", 1) if file.exists() else ("", "")
        return user, password

    @cached_property
    def records(self) -> PoolStore:
        """The pool's database while the stack runs, wherever the settings have it."""
        said: dict[str, Any] = {
            name: self.settings.get(f"DD_{name.upper()}", "") for name in ("database", "database_url")
        }
        return PoolStore.open(ProcessSettings(data=self.data, **said, _env_file=None).pool_database_url)

    def command(self, *words: str, timeout: int = 900) -> subprocess.CompletedProcess:
        """Run ``dockerdriver`` and return how it ended, with what it printed."""
        return subprocess.run(
            [*self.program, *words],
            cwd=CHECKOUT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )

    def take_away(self) -> None:
        """Bring it down, whatever becomes of the work in it."""
        self.command("down", "--lose-work")

    def api(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Prefect's REST API, as a platform uses it."""
        url = f"http://127.0.0.1:{self.prefect_port}/api{path}"
        for _ in range(5):  # Prefect's server is busy now and then, and says so with a 503
            response = httpx.request(method, url, auth=self.login, timeout=90, trust_env=False, **kwargs)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        response.raise_for_status()
        return response

    def healthy(self) -> bool:
        """Whether Prefect's server answers."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.prefect_port}/api/health", trust_env=False).is_success
        return False

    def runs_under_way(self, flows: list[str]) -> list[dict]:
        """Runs of these flows, not started by a schedule, that are waiting or under way."""
        states = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]}}
        body = {"flows": {"name": {"any_": flows}}, "flow_runs": {"state": states}}
        return [run for run in self.api("POST", "/flow_runs/filter", json=body).json() if not run["auto_scheduled"]]

    def trigger(self, deployment: str, **parameters: Any) -> str:
        """Create a flow run; return its id."""
        found = self.api("GET", f"/deployments/name/{deployment}").json()
        body = {"parameters": parameters, "idempotency_key": uuid4().hex}
        return self.api("POST", f"/deployments/{found['id']}/create_flow_run", json=body).json()["id"]

    def finish(self, run: str, seconds: int = 180) -> tuple[str, str]:
        """Wait for a flow run; return its final state's type and message."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.api("GET", f"/flow_runs/{run}").json()["state"]
            if state["type"] in ENDED:
                return state["type"], state["message"] or ""
            if time.monotonic() > deadline:
                raise TimeoutError(f"flow run {run} is {state['name']} after {seconds} s")
            time.sleep(0.2)

    def run(self, deployment: str, seconds: int = 180, **parameters: Any) -> tuple[str, str]:
        """Trigger and wait."""
        return self.finish(self.trigger(deployment, **parameters), seconds)

    def answer(self, instance_id: str) -> dict:
        """What the platform reads: the artifact of the session."""
        artifact = self.api("GET", f"/artifacts/instance-{instance_id}/latest").json()
        return json.loads(artifact["data"])[0]

    def provision(self, instance_id: str, **parameters: Any) -> dict:
        """Ask for a session and return its answer.

        Raises:
            AssertionError: the run did not complete; with its message.
        """
        state, message = self.run("provision-instance/on-demand", instance_id=instance_id, **parameters)
        assert state == "COMPLETED", message
        return self.answer(instance_id)

    def end(self, *instance_ids: str) -> None:
        """End sessions, as a platform does.

        Raises:
            AssertionError: one was not ended; with the reason.
        """
        for instance_id in instance_ids:
            state, message = self.run("deprovision-instance/on-demand", instance_id=instance_id)
            assert state == "COMPLETED", message

    def link(self, instance_id: str) -> str:
        """A fresh launch link, as a platform asks for one.

        Raises:
            AssertionError: none was issued; with the reason.
        """
        state, message = self.run("issue-link/on-demand", instance_id=instance_id)
        assert state == "COMPLETED", message
        found = self.api("GET", f"/artifacts/link-{instance_id}/latest").json()
        return json.loads(found["data"])[0]["launch_url"]

    def containers_on(self, host: str) -> set[str]:
        """Names of the containers of a host of the local cloud, those that have ended among them."""
        inside = ("docker", "ps", "-a", "--format", "{{.Names}}")
        machine = f"{ProcessSettings(data=self.data, _env_file=None).identity}-{host}"
        command = ("docker", "-H", self.engine, "exec", machine, *inside)
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    def set_pool(self, **fields: Any) -> None:
        """Change the pool's block as an operator does in the UI's form."""
        self.change_block("pool-config", **fields)

    def change_block(self, kind: str, **fields: Any) -> None:
        """Change fields of the block ``main`` of a kind in the UI's form; the others stay."""
        found = self.api("GET", f"/block_types/slug/{kind}/block_documents/name/main").json()
        body = {"data": fields, "merge_existing_data": True}
        self.api("PATCH", f"/block_documents/{found['id']}", json=body)

    def save_blueprint(self, name: str, **fields: Any) -> None:
        """Make a blueprint as an operator does in the UI's form, or change it: jupyter-minimal with other values."""
        model = self.api("GET", "/block_types/slug/blueprint/block_documents/name/jupyter-minimal").json()
        found = self.api("GET", "/block_types/slug/blueprint/block_documents").json()
        document = {"data": model["data"] | fields, "block_schema_id": model["block_schema_id"]}
        if known := [other["id"] for other in found if other["name"] == name]:
            self.api("PATCH", f"/block_documents/{known[0]}", json=document)
        else:
            kind = {"name": name, "block_type_id": model["block_type_id"]}
            self.api("POST", "/block_documents/", json=document | kind)

    def logs(self) -> str:
        """The end of every log file, for a failure's report."""
        files = sorted((self.data / "logs").glob("*.log"))
        return "\n".join(f"== {f.name}\n{f.read_text(errors='replace')[-3000:]}" for f in files)
