"""What the stack tells of itself: why a thing is as it is, the tables of a tick, an event for each change."""

import json
import time
from typing import Any

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def ended(stack) -> str:
    """A session that came and went."""
    stack.provision("told-1", user="alice")
    stack.run("deprovision-instance/on-demand", instance_id="told-1")
    return "told-1"


def table(stack, key: str) -> list[dict]:
    return json.loads(stack.api("GET", f"/artifacts/{key}/latest").json()["data"])


def test_why_prints_the_life_of_a_session_and_of_its_host(stack, ended):
    session = stack.command("why", "session", ended)
    assert [word for word in ("queued", "starting on main-", "running", "deleted") if word not in session.stdout] == []
    host = stack.command("why", "host", "main-01")
    assert "free slots now or on their way" in host.stdout  # why it was spawned
    assert "configured and tested" in host.stdout


def test_why_of_what_never_was_is_one_sentence(stack):
    answer = stack.command("why", "host", "main-99")
    assert (answer.returncode, "no host was ever named 'main-99'" in answer.stdout) == (3, True)


def test_the_flow_leaves_the_same_as_an_artifact(stack, ended):
    assert stack.run("why/on-demand", name=ended)[0] == "COMPLETED"
    assert [row["what"].split()[0] for row in table(stack, f"why-{ended}")][:3] == ["queued", "starting", "running"]


def test_each_change_of_a_session_is_an_event_for_automations(stack, ended):
    resource = {"resource": {"id": [f"dockerdriver.instance.{ended}"]}}
    wanted = {f"dockerdriver.instance.{state}" for state in ("queued", "starting", "running", "stopping", "deleted")}
    deadline, seen = time.monotonic() + 60, list[Any]()
    while {event["event"] for event in seen} != wanted and time.monotonic() < deadline:
        seen = stack.api("POST", "/events/filter", json={"filter": resource, "limit": 50}).json()["events"]
        time.sleep(0.5)
    assert sorted(event["event"] for event in seen) == sorted(wanted)


def test_a_tick_leaves_a_table_of_hosts_and_one_of_decisions(stack):
    assert stack.run("housekeep/scheduled")[0] == "COMPLETED"
    first = next(row for row in table(stack, "hosts-main") if row["host"] == "main-01")
    assert (first["state"], first["errors"]) == ("active", "")
    assert isinstance(table(stack, "housekeeping-main"), list)


def test_a_tick_leaves_what_shows_the_pool_at_a_look(stack, ended):
    deadline, steps = time.monotonic() + 120, set[str]()
    while "whole" not in steps and time.monotonic() < deadline:  # they are told a minute later at most
        assert stack.run("housekeep/scheduled")[0] == "COMPLETED"
        steps = {row["until it is"] for row in table(stack, "timings-main") if row["of"] == "all"}
    assert {"room", "answering", "whole"} <= steps
    assert ended not in {row["session"] for row in table(stack, "sessions-main")}
    assert set(table(stack, "images-on-hosts-main")[0]) >= {"image", "id", "main-01"}
    for key in ("last-day-main", "last-week-main"):
        assert stack.api("GET", f"/artifacts/{key}/latest").json()["data"].startswith("data:image/svg+xml;base64,")


def test_plan_says_what_the_next_tick_would_decide(stack):
    stack.set_pool(DD_FREE_SLOT_TARGET=50, DD_MAX_HOSTS=1)
    try:
        answer = stack.command("plan")
    finally:
        stack.set_pool(DD_FREE_SLOT_TARGET=4, DD_MAX_HOSTS=4)
    assert (answer.returncode, "of at most 1 host is there" in answer.stdout) == (0, True), answer.stdout


def test_plan_of_a_pool_that_is_not_there_is_one_sentence(stack):
    answer = stack.command("plan", "nope")
    assert (answer.returncode, "no pool is named 'nope'" in answer.stdout) == (3, True)
