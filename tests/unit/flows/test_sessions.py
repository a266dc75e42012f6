"""How a session begins and ends: the compositions of flows/steps/sessions.py, with tasks that only record calls."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.steps import sessions
from pool.errors import EngineTrouble, HostUnreachable, SessionNotReady
from pool.records import BlueprintSpec, Instance, Placement
from pool.states import InstanceState as State

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, tzinfo=UTC)
QUEUED = Instance("alice-1", "main", "jupyter", "alice", State.QUEUED, 1, "route", "token", NOW, NOW)
STARTING = replace(QUEUED, state=State.STARTING, placement=Placement("main-01", 20000))
BLUEPRINT = BlueprintSpec(name="jupyter", pool="main", image="jupyter", port=8888)


class Tasks:
    """Stands in for the tasks: notes each call, and fails where it was told to."""

    def __init__(self, monkeypatch):
        self.calls, self.failures = [], {}
        self.holds = STARTING.placement
        self.found = replace(STARTING, placement=Placement("main-02", 20000))  # after another turn of the queue
        names = [
            "serve_queue",
            "find_instance",
            "start_container",
            "wait_until_ready",
            "move_instance",
            "publish_route",
            "withdraw_route",
        ]
        for name in [*names, "remove_container", "clear_errors", "count_error", "announce"]:
            monkeypatch.setattr(sessions, name, self._task(name))
        monkeypatch.setattr(sessions, "get_run_logger", lambda: logging.getLogger("test"))

    def fail(self, name: str, *errors: Exception) -> None:
        self.failures[name] = list(errors)

    def _task(self, name: str):
        async def call(*args, **kwargs):
            to = f" {args[1]}" if name == "move_instance" else ""
            self.calls.append(name + to)
            if self.failures.get(name):
                raise self.failures[name].pop(0)
            return self._result(name, args, kwargs)

        return call

    def _result(self, name: str, args: tuple, kwargs: dict):
        if name == "find_instance":
            return self.found
        return replace(QUEUED, state=args[1], placement=self.holds) if name == "move_instance" else None


@pytest.fixture
def tasks(monkeypatch) -> Tasks:
    return Tasks(monkeypatch)


def start() -> Instance:
    return asyncio.run(sessions.start_session(STARTING, BLUEPRINT))


def test_a_session_runs_in_sql_before_its_route_is_published(tasks):
    start()
    assert tasks.calls == [
        "start_container",
        "wait_until_ready",
        "move_instance running",
        "publish_route",
        "clear_errors",
    ]


AGAIN = ["count_error", "withdraw_route", "remove_container", "move_instance queued", "serve_queue", "find_instance"]


def test_a_host_that_fails_the_session_is_counted_and_another_one_is_tried(tasks):
    tasks.fail("start_container", EngineTrouble("no"))
    start()
    assert tasks.calls[1:8] == [*AGAIN, "start_container"]


def test_a_session_that_lost_its_host_and_finds_no_room_elsewhere_is_left_in_the_queue(tasks):
    tasks.found = QUEUED
    tasks.fail("start_container", EngineTrouble("no"))
    assert start() is QUEUED
    assert tasks.calls[1:] == AGAIN


def test_after_the_second_host_the_session_is_failed_with_the_reason(tasks):
    tasks.fail("start_container", EngineTrouble("first"), EngineTrouble("second"))
    with pytest.raises(EngineTrouble, match="second"):
        start()
    assert tasks.calls[-2:] == ["move_instance failed", "serve_queue"]


def test_a_notebook_that_never_answers_is_undone_and_not_held_against_its_host(tasks):
    tasks.fail("wait_until_ready", SessionNotReady("silent"))
    with pytest.raises(SessionNotReady):
        start()
    assert tasks.calls[2:] == ["withdraw_route", "remove_container", "move_instance failed", "serve_queue"]


def test_a_cancelled_run_undoes_what_it_did(tasks):
    tasks.fail("wait_until_ready", asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        start()
    assert tasks.calls[2:] == ["withdraw_route", "remove_container", "move_instance failed", "serve_queue"]


def test_a_container_that_cannot_be_removed_keeps_its_room(tasks):
    tasks.fail("start_container", EngineTrouble("no"))
    tasks.fail("remove_container", HostUnreachable("away"))
    with pytest.raises(HostUnreachable):
        start()
    assert tasks.calls[-1] == "move_instance stopping"


def test_ending_takes_the_route_away_before_the_container(tasks):
    asyncio.run(sessions.end_session(replace(STARTING, state=State.RUNNING), "asked for"))
    assert tasks.calls == [
        "move_instance stopping", "withdraw_route", "remove_container", "move_instance deleted",
        "serve_queue", "announce",
    ]  # fmt: skip


def test_ending_one_that_held_no_room_serves_nobody(tasks):
    tasks.holds = None
    asyncio.run(sessions.end_session(QUEUED, "asked for"))
    assert "serve_queue" not in tasks.calls


@pytest.mark.parametrize("over", [State.DELETED, State.FAILED])
def test_ending_a_session_that_is_over_does_nothing(tasks, over):
    asyncio.run(sessions.end_session(replace(QUEUED, state=over), "asked for"))
    assert tasks.calls == []
