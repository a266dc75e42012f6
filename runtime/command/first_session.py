"""From a started stack to an open notebook: wait for a host, then ask for a session as a platform would."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from blocks.gateway.browser import answers, browser, unreached
from blocks.gateway.config import gateway_config
from blocks.gateway.settings import GatewayConfig
from blocks.outside import outside
from blocks.prefect.api import ENDED, PrefectApi
from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import DockerDriverError
from pool.records import Host, Instance
from pool.states import LIVING_HOSTS, HostState, InstanceState
from runtime.command.progress import Progress

POOL = "main"
BLUEPRINT = "jupyter-minimal"
PREFIX = "welcome-"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
HOST_SECONDS = 1200
NO_HOST_SECONDS = 390  # thirteen ticks of housekeeping in which no host was even begun: a busy machine is late
SESSION_SECONDS = 180
BRINGS_HOSTS = ["spawn-host", "configure-host"]


@dataclass(frozen=True)
class Opening:
    """Where a person opens a session."""

    instance_id: str
    url: str  # a launch link, secret while it is good; the plain address of a session that wants no sign-in

    @property
    def words(self) -> str:
        """For a terminal: the address and, of a link, how to get the next one."""
        another = f"(works once, and not for long; another one: .venv/bin/dockerdriver link {self.instance_id})"
        return f"{self.url}\n             {another}" if "/dd-launch?" in self.url else self.url


def of_origins(settings: ProcessSettings) -> str:
    """Lead the operator to a host name for each session, where sessions share one; in lines for a terminal."""
    if settings.session_domain:
        return ""
    local = settings.gateway_address in LOOPBACK and not settings.public_url
    domain = "localhost" if local else "a domain of its own, with a wildcard name"
    return (
        "\n  All sessions share one address: a page of one may act in another that is open in the same browser.\n"
        f"  Give each a host name with DD_SESSION_DOMAIN ({domain}) in dockerdriver.env, then `make up`:\n"
        "  docs/gateway.md, A host name for each session.\n"
    )


def open_session(settings: ProcessSettings, progress: Progress) -> Opening:
    """Find or start a session that answers through the gateway: one of an earlier `up`, or a new one.

    Raises:
        DockerDriverError: no host became active, or the session did not start; the sentence says why.
    """
    api = prefect_api(settings)
    began = datetime.now(UTC)
    api.trigger("housekeep/scheduled")
    with progress.step("waits for a host"):
        HostWatch(api, progress, began).wait_for_room()
    if opening := running_session(api, settings):
        progress.say("a session of an earlier start still answers")
    else:
        with progress.step("asks for a first session, as a platform would"):
            opening = first_session(api, settings, progress)
    if why := settings.public_url and unreached(settings.public_url):
        progress.say(f"this machine does not reach {settings.public_url}, as users' browsers must: {why}")
    return opening


def gateway_here(settings: ProcessSettings) -> GatewayConfig | None:
    """The gateway of this machine, to which a browser comes by all names; None where gateways are on others."""
    return None if settings.gateway_relays else gateway_config(settings)


class HostWatch:
    """Follows the pool until a host takes sessions, and reports each change."""

    def __init__(self, api: PrefectApi, progress: Progress, began: datetime) -> None:
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
        hosts = outside().store.hosts.all(POOL, LIVING_HOSTS)
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
        return f"housekeeping reported: {runs[0]['state']['message']}" if runs else "housekeeping never ran"


def running_session(api: PrefectApi, settings: ProcessSettings) -> Opening | None:
    """Find a running first session that answers."""
    for instance in _first_sessions():
        if instance.state is not InstanceState.RUNNING:
            continue
        if answers(fresh_link(api, instance.id), browser(gateway_here(settings))):
            return Opening(instance.id, fresh_link(api, instance.id))
    return None


def _first_sessions() -> list[Instance]:
    return [instance for instance in outside().store.instances.all(POOL) if instance.id.startswith(PREFIX)]


def first_session(api: PrefectApi, settings: ProcessSettings, progress: Progress) -> Opening:
    """Ask for a session under an id that was never used, and wait until its URL answers."""
    numbers = [int(number) for i in _first_sessions() if (number := i.id.removeprefix(PREFIX)).isdigit()]
    instance_id = f"{PREFIX}{max(numbers, default=0) + 1}"
    api.run_to_its_end(
        "provision-instance/on-demand",
        SESSION_SECONDS,
        key=f"{settings.identity}-{instance_id}",
        watch=lambda run: progress.detail(api.last_log([run]) or "waits for the warm worker"),
        instance_id=instance_id,
        blueprint=BLUEPRINT,
    )
    _until(lambda: _has_had_its_turn(api, instance_id, progress), SESSION_SECONDS, f"session {instance_id} got no room")
    answer = api.table(f"instance-{instance_id}")[0]
    guest, silent = (
        browser(gateway_here(settings)),
        f"session {instance_id} runs, but does not answer at {answer['url']}",
    )
    _until(lambda: answers(answer["launch_url"], guest), 30, silent)
    return Opening(instance_id, fresh_link(api, instance_id))


def fresh_link(api: PrefectApi, instance_id: str) -> str:
    """Issue a fresh, unused link.

    Raises:
        DockerDriverError: none was issued; the sentence says why.
    """
    api.run_to_its_end("issue-link/on-demand", SESSION_SECONDS, instance_id=instance_id)
    return api.table(f"link-{instance_id}")[0]["launch_url"]


def _has_had_its_turn(api: PrefectApi, instance_id: str, progress: Progress) -> bool:
    """Whether the session runs. Where the pool was full when it was asked for, it waits in the queue.

    Raises:
        DockerDriverError: it failed; the record's reason says why.
    """
    answer = api.table(f"instance-{instance_id}")[0]
    if answer["state"] == InstanceState.FAILED:
        raise DockerDriverError(f"the first session failed: {outside().store.instances.get(instance_id).reason}")
    if answer["position"]:
        progress.detail(f"waits for room, number {answer['position']} in the queue")
    return answer["state"] == InstanceState.RUNNING


def _until(true: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise DockerDriverError(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.3)
