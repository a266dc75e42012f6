"""What counts as served, as refused and as lost."""

from dataclasses import replace

import pytest

from pool.states import EndCause, InstanceState
from tests.reliability.accepted import Age, End, Request, RunState, counted, state_of, told_twice, what_became
from tests.rigs.pool_data import an_instance

pytestmark = pytest.mark.unit

START, FINISH = Request(Age.POSTED, "alice-1", "run-1"), Request(Age.ENDING, "alice-1", "run-2", ends=True)
DONE, TOLD_NO = RunState("COMPLETED"), RunState("FAILED", "the pool is full")


def session(state: InstanceState, reason: str = ""):
    return replace(an_instance(state=state), reason=reason)


@pytest.mark.parametrize(
    ("run", "state", "end"),
    [
        (DONE, InstanceState.RUNNING, End.SERVED),
        (DONE, InstanceState.QUEUED, End.UNDER_WAY),
        (DONE, InstanceState.STARTING, End.UNDER_WAY),
        (RunState("RUNNING"), InstanceState.RUNNING, End.UNDER_WAY),
        (RunState("SCHEDULED"), InstanceState.QUEUED, End.UNDER_WAY),
        (TOLD_NO, InstanceState.FAILED, End.REFUSED),
        (TOLD_NO, InstanceState.STOPPING, End.UNDER_WAY),
        (TOLD_NO, InstanceState.RUNNING, End.LOST),
        (TOLD_NO, InstanceState.STARTING, End.LOST),
        (RunState("CRASHED", "its worker died"), InstanceState.RUNNING, End.LOST),
        (RunState("CANCELLED"), InstanceState.DELETED, End.LOST),
    ],
)
def test_a_request_for_a_session_is_served_when_it_runs_and_its_platform_was_told_so(run, state, end):
    assert what_became(START, run, session(state))[0] is end


def test_a_session_that_never_was_is_a_refusal_only_with_a_reason():
    assert what_became(START, TOLD_NO, None) == (End.REFUSED, "the pool is full")
    assert what_became(START, DONE, None)[0] is End.LOST
    assert what_became(START, RunState("FAILED"), None)[0] is End.LOST


def test_a_session_that_failed_while_it_waited_is_a_refusal_with_the_reason_of_its_record():
    assert what_became(START, DONE, session(InstanceState.FAILED, "no room")) == (End.REFUSED, "no room")
    assert what_became(START, DONE, session(InstanceState.DELETED))[0] is End.LOST


def test_a_session_that_was_ended_on_request_was_served_before():
    ended = replace(session(InstanceState.DELETED, "asked for"), end_cause=EndCause.REQUESTED)
    assert what_became(START, DONE, ended)[0] is End.SERVED
    assert what_became(START, TOLD_NO, ended)[0] is End.REFUSED


@pytest.mark.parametrize(
    ("run", "state", "end"),
    [
        (DONE, InstanceState.DELETED, End.SERVED),
        (DONE, InstanceState.FAILED, End.SERVED),
        (DONE, InstanceState.RUNNING, End.LOST),
        (TOLD_NO, InstanceState.RUNNING, End.LOST),
        (TOLD_NO, InstanceState.STOPPING, End.UNDER_WAY),
        (TOLD_NO, InstanceState.DELETED, End.REFUSED),
    ],
)
def test_a_request_to_end_a_session_is_served_when_it_is_over(run, state, end):
    assert what_became(FINISH, run, session(state))[0] is end


def event(state: str = "running", at: str = "09:00") -> dict:
    resource = {"prefect.resource.id": "dockerdriver.instance.alice-1"}
    return {"resource": resource, "event": f"dockerdriver.instance.{state}", "occurred": at}


def test_a_change_that_has_two_events_was_told_twice_and_two_changes_to_one_state_were_not():
    assert told_twice([event(), event(at="09:01"), event("deleted")], []) == []
    assert told_twice([event(), event()], []) == [
        "dockerdriver.instance.running of dockerdriver.instance.alice-1 was told 2 times"
    ]


def test_a_run_that_ended_twice_told_its_platform_twice():
    history = [("RUNNING", "Running"), ("CRASHED", "Crashed"), ("COMPLETED", "Completed")]
    states = [{"type": kind, "name": name, "message": None, "timestamp": n} for n, (kind, name) in enumerate(history)]
    run = state_of(states[::-1])  # whatever order they come in
    assert run == RunState("COMPLETED", "", ("Crashed", "Completed"))
    assert told_twice([], [("alice-1", run)]) == ["the run of alice-1 ended 2 times: Crashed, Completed"]


def test_ends_are_counted_in_words():
    assert counted([End.SERVED, End.REFUSED, End.SERVED]) == "2 served, 1 refused"
    assert counted([]) == "none"
