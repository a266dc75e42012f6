"""From a started stack to an open notebook: wait for a host, then ask for a session as a platform would."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from blocks.database import pool_store
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, NotFound
from pool.records import Host, Instance
from pool.states import HostState, InstanceState
from runtime.prefect_api import ENDED, PrefectApi
from runtime.progress import Progress

POOL = "main"
BLUEPRINT = "jupyter-minimal"
PREFIX = "welcome-"
HOST_SECONDS = 1200
NO_HOST_SECONDS = 150  # five ticks of housekeeping in which no host was even begun
SESSION_SECONDS = 180
BRINGS_HOSTS = ["spawn-host", "configure-host"]


def open_session(settings: ProcessSettings, progress: Progress) -> str:
    """A session that answers through the gateway: one of an earlier `up`, or a new one; its URL.

    Raises:
        DockerDriverError: no host became active, or the session did not start; the sentence says why.
    """
    api = PrefectApi(settings.prefect_api_url)
    began = datetime.now(UTC)
    api.trigger("housekeep/scheduled")
    with progress.step("waits for a host"):
        HostWatch(api, progress, began).wait_for_room()
    if url := running_session(settings):
        progress.say("a session of an earlier start still answers")
        return url
    with progress.step("asks for a first session, as a platform would"):
        return first_session(api, settings, progress)


class HostWatch:
    """Follows the pool until a host takes sessions, and says what it sees."""

    def __init__(self, api: PrefectApi, progress: Progress, began: datetime):
        self._api = api
        self._progress = progress
        self._began = began
        self._states: dict[str, HostState] = {}

    def wait_for_room(self) -> None:
        """Wait for an active host.

        Raises:
            DockerDriverError: a host could not be made, or there was none in all that time.
        """
        started = time.monotonic()
        while not any(host.state is HostState.ACTIVE for host in self._look()):
            self._raise_first_failure()
            waited = time.monotonic() - started
            if waited > HOST_SECONDS or (waited > NO_HOST_SECONDS and not self._states):
                raise DockerDriverError(f"no host became active in {waited:.0f} s; {self._housekeeping_says()}")
            self._progress.detail(self._whats_going_on() or "waits for housekeeping to spawn a host")
            time.sleep(1)

    def _look(self) -> list[Host]:
        hosts = [host for host in pool_store().hosts(POOL) if host.state is not HostState.REMOVED]
        for host in hosts:
            if self._states.get(host.name) is not host.state:
                self._states[host.name] = host.state
                self._progress.say(f"host {host.name} is {host.state}" + (f": {host.reason}" if host.reason else ""))
        return hosts

    def _raise_first_failure(self) -> None:
        failed = {"type": {"any_": ["FAILED", "CRASHED"]}}
        since = {"after_": self._began.isoformat()}
        for run in self._api.runs(BRINGS_HOSTS, state=failed, start_time=since):
            raise DockerDriverError(f"{run['name']}: {run['state']['message']} (housekeeping goes on trying)")

    def _whats_going_on(self) -> str:
        runs = self._api.runs(BRINGS_HOSTS, state={"type": {"any_": ["RUNNING"]}})
        return self._api.last_log([run["id"] for run in runs])

    def _housekeeping_says(self) -> str:
        runs = self._api.runs(["housekeep"], state={"type": {"any_": list(ENDED)}}, start_time={"is_null_": False})
        return f"housekeeping says: {runs[0]['state']['message']}" if runs else "housekeeping never ran"


def running_session(settings: ProcessSettings) -> str | None:
    """The URL of a running first session that answers."""
    for instance in _first_sessions():
        url = settings.gateway_url + instance.base_url
        if instance.state is InstanceState.RUNNING and answers(url):
            return url
    return None


def _first_sessions() -> list[Instance]:
    return [instance for instance in pool_store().instances(POOL) if instance.id.startswith(PREFIX)]


def first_session(api: PrefectApi, settings: ProcessSettings, progress: Progress) -> str:
    """Ask for a session under an id that was never used, and wait until its URL answers."""
    numbers = [int(number) for i in _first_sessions() if (number := i.id.removeprefix(PREFIX)).isdigit()]
    instance_id = f"{PREFIX}{max(numbers, default=0) + 1}"
    run = api.trigger(
        "provision-instance/on-demand",
        key=f"{settings.identity}-{instance_id}",
        instance_id=instance_id,
        blueprint=BLUEPRINT,
    )
    _until(lambda: _ended(api, run, progress), SESSION_SECONDS, f"session {instance_id} did not start")
    url = answer_of(api, instance_id)["url"]
    _until(lambda: answers(url), 30, f"session {instance_id} runs, but does not answer at {url}")
    return url


def _ended(api: PrefectApi, run: str, progress: Progress) -> bool:
    """Whether the run is completed.

    Raises:
        DockerDriverError: it ended otherwise; its state message says why.
    """
    state = api.state(run)
    if state["type"] in ENDED and state["type"] != "COMPLETED":
        raise DockerDriverError(f"the first session could not be started: {state['message']}")
    progress.detail(api.last_log([run]) or "waits for the warm worker")
    return state["type"] == "COMPLETED"


def answer_of(api: PrefectApi, instance_id: str) -> dict:
    """The answer to provision-instance, as a platform that only speaks REST reads it."""
    artifact = api.call("GET", f"/artifacts/instance-{instance_id}/latest")
    if artifact is None:
        raise NotFound(f"Prefect's server has no artifact instance-{instance_id}")
    return json.loads(artifact["data"])[0]


def answers(url: str) -> bool:
    """Whether the session answers with 200, its own redirects followed."""
    try:
        return httpx.get(url, follow_redirects=True, timeout=10, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise DockerDriverError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.3)
