"""The platforms' client, both kinds, on a real Prefect server with its password and the product's own deployments.

No worker takes the runs: a test says what came of each.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest

from blocks.stored.api_password import api_password, password_file
from dockerdriver_client import AsyncClient, Client, Failed, NotFound, Options, Pauses, Refused, Unauthorized
from dockerdriver_client.settings import Settings
from tests.rigs.services.guarded_server import GuardedServer
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

FLOWS = ("provision_instance", "provision_instances", "deprovision_instance", "issue_link")
#: Between its looks a wait sleeps for longer than a test lasts: only an event ends it in time.
NEVER = Pauses(first=600, longest=600)
BY_EVENTS = Settings(looks=NEVER, checks=NEVER, timeout=900)
BY_LOOKS = Settings(events=False, looks=Pauses(first=0.1, longest=0.2))


class Platform:
    """One client of a kind, called in a thread of its own, and the worker's part of the story."""

    numbers = count()

    def __init__(self, server: GuardedServer, kind: type, threads: ThreadPoolExecutor) -> None:
        self.server, self._kind, self._threads = server, kind, threads
        self.id = f"ada-{next(self.numbers)}"

    def call(self, settings: Settings, method: str, *words, password: str = "", **said) -> Future:
        whence = {"password": password} if password else {"password_file": password_file(self.server.settings)}

        async def in_a_loop() -> object:
            async with AsyncClient(self.server.url, settings=settings, **whence) as client:
                return await getattr(client, method)(*words, **said)

        def in_a_thread() -> object:
            with Client(self.server.url, settings=settings, **whence) as client:
                return getattr(client, method)(*words, **said)

        run: Callable = in_a_thread if self._kind is Client else lambda: asyncio.run(in_a_loop())
        return self._threads.submit(run)

    def runs(self, key: str) -> list[dict]:
        return self.server.call("POST", "/flow_runs/filter", flow_runs={"idempotency_key": {"any_": [key]}})

    def run_is(self, state: str, message: str | None = None, key: str = "") -> None:
        """End the run, once it is asked for."""
        (run,) = until(lambda: self.runs(key or f"provision-{self.id}"), "the run is asked for", 30)
        body = {"type": state, "name": state.title(), "message": message}
        self.server.call("POST", f"/flow_runs/{run['id']}/set_state", state=body, force=True)

    def session_is(self, state: str, **more) -> None:
        """Write the answer and tell of it, as the publisher does."""
        said = {
            "instance_id": self.id,
            "user": "ada",
            "state": state,
            "url": "http://s.test/",
            "launch_url": "x",
            **more,
        }
        self.server.call("POST", "/artifacts/", key=f"instance-{self.id}", type="table", data=json.dumps([said]))
        told = {
            "id": str(uuid4()),
            "event": f"dockerdriver.instance.{state}",
            "occurred": datetime.now(UTC).isoformat(),
            "resource": {"prefect.resource.id": f"dockerdriver.instance.{self.id}"},
        }
        assert self.server.rest.post("/events", json=[told]).status_code == 204


@pytest.fixture(scope="module")
def stack(server) -> GuardedServer:
    server.provision()
    for flow in FLOWS:
        server.deploy(f"flows.sessions.{flow}.{flow}")
    return server


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
def platform(stack, request, threads) -> Platform:
    return Platform(stack, request.param, threads)


def test_a_start_is_told_its_answer_and_asked_again_it_is_the_same_run(platform):
    options = Options(lifetime=600, environment={"A": "b"})
    asked = [platform.call(BY_LOOKS, "start", platform.id, user="ada", options=options) for _ in range(3)]
    until(lambda: platform.runs(f"provision-{platform.id}"), "the run is asked for", 30)
    platform.session_is("queued", position=2)
    platform.run_is("COMPLETED")
    assert [each.result(30).position for each in asked] == [2, 2, 2]
    (run,) = platform.runs(f"provision-{platform.id}")
    assert run["parameters"]["options"] == {"lifetime": 600, "environment": {"A": "b"}}


def test_a_class_is_one_run_whose_table_says_who_was_taken_and_why_another_was_not(platform):
    users, key = {platform.id: "ada", "eve-1": "eve"}, f"provision-class:{platform.id}"
    asked = platform.call(BY_LOOKS, "start_class", users, request_id=platform.id)
    (run,) = until(lambda: platform.runs(key), "the run is asked for", 30)
    platform.session_is("starting")
    rows = [{"instance_id": platform.id, "refused": ""}, {"instance_id": "eve-1", "refused": "pool main is full"}]
    platform.server.call("POST", "/artifacts/", key=f"class-{run['id']}", type="table", data=json.dumps(rows))
    platform.run_is("COMPLETED", key=key)
    got = asked.result(30)
    assert [(one.instance_id, one.state) for one in got.sessions] == [(platform.id, "starting")]
    assert got.refused == {"eve-1": "pool main is full"}


def a_moment() -> None:
    """So long a stream may take to open; what is told before, it does not hear."""
    time.sleep(0.5)


def test_a_start_and_a_wait_are_woken_by_events_alone(platform):
    start = platform.call(BY_EVENTS, "start", platform.id)
    until(lambda: platform.runs(f"provision-{platform.id}"), "the run is asked for", 30)
    platform.session_is("queued")
    until(lambda: platform.run_is("COMPLETED") or start.done(), "the start is woken", 30, a_moment)
    wait = platform.call(BY_EVENTS, "wait", platform.id)
    until(lambda: platform.session_is("running") or wait.done(), "the wait is woken", 30, a_moment)
    assert (start.result(0).state, wait.result(0).state) == ("queued", "running")


def test_a_call_that_follows_one_run_after_another_is_woken_by_the_events_of_each(platform):
    start = platform.call(BY_EVENTS, "start", platform.id)
    again = f"1.provision-{platform.id}"
    until(lambda: platform.run_is("CRASHED") or platform.runs(again), "the crash is heard", 30, a_moment)
    platform.session_is("starting")
    until(lambda: platform.run_is("COMPLETED", key=again) or start.done(), "the start is woken", 30, a_moment)
    assert start.result(0).state == "starting"


def test_a_wait_without_events_looks_again(platform):
    platform.session_is("starting")
    wait = platform.call(BY_LOOKS, "wait", platform.id)
    platform.session_is("running", host="main-01")
    assert wait.result(30).host == "main-01"


def test_a_refusal_and_a_failure_are_told_apart(platform):
    start = platform.call(BY_LOOKS, "start", platform.id)
    platform.run_is("FAILED", "pool main is full")
    with pytest.raises(Refused, match="pool main is full"):
        start.result(30)
    platform.session_is("failed", end_cause="not-started")
    with pytest.raises(Failed) as failed:
        platform.call(BY_LOOKS, "wait", platform.id).result(30)
    assert failed.value.cause == "not-started"


def test_a_parameter_that_the_deployment_does_not_take_is_refused_by_the_server(platform):
    with pytest.raises(Refused, match="user"):
        platform.call(BY_LOOKS, "start", platform.id, user=7).result(30)


def test_a_link_is_of_its_own_run(platform):
    link = platform.call(BY_LOOKS, "link", platform.id, request_id="1")
    key = f"issue-link-{platform.id}:1"
    (run,) = until(lambda: platform.runs(key), "the run is asked for", 30)
    for url, of in (("mine", run["id"]), ("another's", None)):
        rows = json.dumps([{"instance_id": platform.id, "launch_url": url}])
        platform.server.call("POST", "/artifacts/", key=f"link-{platform.id}", type="table", data=rows, flow_run_id=of)
    platform.run_is("COMPLETED", key=key)
    assert link.result(30).launch_url == "mine"


def test_living_sessions_are_listed_by_their_user(platform):
    platform.session_is("running")
    found = platform.call(BY_LOOKS, "list", user="ada").result(30)
    assert platform.id in [each.instance_id for each in found]
    assert platform.call(BY_LOOKS, "list", user="eve").result(30) == []


def test_what_no_request_named_is_not_found(platform):
    for method in ("get", "wait"):
        with pytest.raises(NotFound):
            platform.call(BY_LOOKS, method, "never-1").result(30)


def test_a_wrong_password_says_which_one_it_is(platform):
    user = api_password(platform.server.settings).partition(":")[0]
    with pytest.raises(Unauthorized, match=f"of user '{user}' that the client was given"):
        platform.call(BY_LOOKS, "get", "ada-1", password=f"{user}:wrong").result(30)
