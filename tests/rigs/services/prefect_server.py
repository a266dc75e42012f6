"""A real Prefect server on a free loopback port, and the few REST calls that a platform makes.

The fixture ``prefect_server`` is one server for all tests of a session: an idle one takes a tenth of a core.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import prefect
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.base import BaseWorker

from blocks.outside import outside
from blocks.settings import process_settings
from runtime.supervision.environment import SELDOM
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

ROOT = Path(__file__).parents[3]
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
    # Looks that mostly find nothing, as seldom as in a stack
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": SELDOM,
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": SELDOM,
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": SELDOM,
}
SERVE = [sys.executable, "-m", "runtime.stack.prefect_server"]
S = TypeVar("S", bound="PrefectServer")
#: The database of the first server of this checkout, as it was when that came up: the others, those of other lanes too,
#: need none of Prefect's migrations, which are half of what a server computes until it answers.
NEW_DATABASE = ROOT / "build" / f"prefect-{prefect.__version__}.db"


class PrefectServer:
    """A server process, its address and its REST API; it and the workers run the code of the checkout *root*."""

    def __init__(self, home: Path, root: Path = ROOT):
        self.home, self._root = home, root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        ours = {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": self.url,
            "DD_DATA": str(home / "data"),
            "DD_DATABASE": "sqlite",
            "DD_PREFECT_PORT": str(self.port),  # which it holds on ::1, too: of two with one port the second ends
        }
        self.env = os.environ | QUIET | ours
        self.rest = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        database = Path(self.env["PREFECT_HOME"]) / "prefect.db"
        is_new = not database.exists()
        if is_new and NEW_DATABASE.exists():
            database.parent.mkdir(exist_ok=True)
            shutil.copyfile(NEW_DATABASE, database)
        self.process = self.spawn(SERVE, "server.log")
        until(self.answers, f"Prefect's server on {self.url} (see {self.home}/server.log)", 300)
        if is_new and not NEW_DATABASE.exists() and database.exists():
            _keep(database)

    def stand_by(self) -> subprocess.Popen:
        """Start a second process of this server."""
        return self.spawn(SERVE, "standby.log")

    def stop(self) -> None:
        stop(self.process)

    def spawn(self, command: list[str], log: str) -> subprocess.Popen:
        """Start a process that talks to this server; it and its children form a group of their own."""
        with (self.home / log).open("ab") as out:
            return subprocess.Popen(
                command, env=self.env, cwd=self._root, stdout=out, stderr=out, start_new_session=True
            )

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.rest.get("/health").is_success
        return False

    def worker(self, pool: str, name: str, kind: str = "dockerdriver-warm", *more: str) -> subprocess.Popen:
        """Start a worker of *pool* as an operator would."""
        command = [sys.executable, "-m", "prefect", "worker", "start", "-p", pool, "-n", name, "-t", kind, *more]
        return self.spawn(command, f"{name}.log")

    def pool(self, name: str, kind: str = "dockerdriver-warm") -> str:
        worker = BaseWorker.get_worker_class_from_type(kind)
        assert worker, f"there is no type of worker {kind!r}"
        template = worker.get_default_base_job_template()
        self.call("POST", "/work_pools/", name=name, type=kind, base_job_template=template)
        return name

    def deployment(self, entrypoint: str, pool: str, **more: Any) -> str:
        """Make a deployment of one flow; its id."""
        flow = self.call("POST", "/flows/", name=entrypoint)["id"]
        name = f"on-{pool}"
        return self.call(
            "POST", "/deployments/", name=name, flow_id=flow, entrypoint=entrypoint, work_pool_name=pool, **more
        )["id"]

    def trigger(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run; its id."""
        return self.call("POST", f"/deployments/{deployment}/create_flow_run", parameters=parameters)["id"]

    def state(self, run: str) -> dict:
        return self.call("GET", f"/flow_runs/{run}")["state"]

    def wait(self, run: str, *types: str, seconds: float = 60.0) -> dict:
        """Wait until the run is in a state of one of *types* (by default: has ended); the state."""
        wanted = types or ENDED

        def reached() -> dict | None:
            state = self.state(run)
            return state if state["type"] in wanted else None

        return until(reached, f"run {run} in {wanted}", seconds)

    def cancel(self, run: str) -> None:
        self.call("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})

    def logs(self, run: str) -> list[str]:
        found = self.call("POST", "/logs/filter", logs={"flow_run_id": {"any_": [run]}})
        return [line["message"] for line in found]

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One call; a busy server's 503 is asked again, as every caller of Prefect's API must."""
        for _ in range(100):
            answer = self.rest.request(method, path, json=body or None)
            if answer.status_code != 503:
                break
            time.sleep(0.1)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def _keep(database: Path) -> None:
    """Keep what an SQLite file holds, its journal included; another lane may do so at the same time."""
    NEW_DATABASE.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        content = connection.serialize()
    with tempfile.NamedTemporaryFile(dir=NEW_DATABASE.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(NEW_DATABASE)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Start a server, and stop it however the block ends; also one that did not come up."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


def stop(process: subprocess.Popen | None, seconds: float = 40) -> int | None:
    """End a process as supervisors do, with SIGTERM; its exit status. What ignores that is a failure."""
    if process is None:
        return None
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def stop_all(processes: Iterable[subprocess.Popen]) -> None:
    """End each; one that ignores it fails the test once the others were ended, too."""
    with contextlib.ExitStack() as ends:
        for process in processes:
            ends.callback(stop, process)


@contextlib.contextmanager
def flows_run_here(server: PrefectServer, data: Path) -> Iterator[pytest.MonkeyPatch]:
    """An installation in *data* with an empty pool database, whose flows this process runs and *server* records."""
    with pytest.MonkeyPatch.context() as patch, temporary_settings({PREFECT_API_URL: server.url}):
        patch.setenv("DD_DATA", str(data))
        patch.setenv("DD_DATABASE", "sqlite")
        process_settings.cache_clear()
        outside().store.upgrade()
        yield patch
    process_settings.cache_clear()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server for all. It stays to the end: clients in this process still send it events."""
    with running(PrefectServer(tmp_path_factory.mktemp("prefect"))) as server:
        yield server
