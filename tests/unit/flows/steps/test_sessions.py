"""How a session begins and ends: the compositions of flows/steps/sessions.py, with tasks that only note their calls."""

import asyncio
from dataclasses import replace
from signal import SIGTERM

import httpx
import pytest
from prefect.exceptions import TerminationSignal

from blocks.outside import standing_in
from flows.steps import sessions
from flows.steps.acting import act
from pool.blame import BAD_BLUEPRINT, BAD_IMAGE, BAD_REQUEST, IMAGE_GONE, NAME_TAKEN
from pool.decisions import Decision, DecisionKind
from pool.errors import DatabaseAway, EngineTrouble, HostUnreachable, Refused, RefusedMove, SessionNotReady
from pool.records import Instance, Placement
from pool.states import EndCause
from pool.states import InstanceState as State
from tasks.leases import Held
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_blueprint, an_instance

pytestmark = pytest.mark.unit

QUEUED = an_instance(state=State.QUEUED, placement=None, expires_at=None)
STARTING = an_instance(state=State.STARTING, expires_at=None)
ON_ANOTHER_HOST = replace(STARTING, placement=Placement("main-02", 20000))


class SessionTasks(ScriptedTasks):
    """Tasks that succeed: a session that is moved is in its new state, on the host that it was on."""

    def __init__(self):
        super().__init__(get_instance=ON_ANOTHER_HOST, give_out_room=[], start_container={}, wait_until_ready={})
        self.holds: str | None = "main-01"
        self.answer("begin_to_run", replace(STARTING, state=State.RUNNING))
        self.answer(
            "move_instance",
            lambda _id, to, **_: replace(
                QUEUED, state=to, placement=Placement(self.holds, 20000) if self.holds else None
            ),
        )

    @property
    def steps(self) -> list[str]:
        """What was called, without the looks at the queue; a move with the state that it led to."""
        return [self._step(name, args) for name, args, _ in self.calls]

    def _step(self, name: str, args: tuple) -> str:
        return f"move to {args[1]}" if name == "move_instance" else name


@pytest.fixture
def tasks():
    with standing_in(fake_outside(prefect=SessionTasks())) as door:
        yield door.prefect


def start() -> Instance:
    return asyncio.run(sessions.start_session(STARTING, a_blueprint()))


def test_a_session_runs_in_sql_before_its_route_is_published(tasks):
    start()
    assert tasks.steps == ["start_container", "wait_until_ready", "begin_to_run", "publish_route"]


UNDONE = ["withdraw_route", "remove_container", "move to failed", "give_out_room"]
ELSEWHERE = ["count_error", "withdraw_route", "remove_container", "move to queued", "give_out_room", "get_instance"]


def test_a_host_that_fails_the_session_is_counted_and_another_one_is_tried(tasks):
    tasks.answer("start_container", EngineTrouble("no"), {})
    start()
    assert tasks.steps[1:8] == [*ELSEWHERE, "start_container"]


def test_a_session_that_lost_its_host_and_finds_no_room_elsewhere_is_left_in_the_queue(tasks):
    tasks.answer("get_instance", QUEUED)
    tasks.answer("start_container", EngineTrouble("no"))
    assert start() is QUEUED
    assert tasks.steps[1:] == ELSEWHERE


def test_after_the_second_host_the_session_is_failed_with_the_reason(tasks):
    tasks.answer("start_container", EngineTrouble("first"), EngineTrouble("second"))
    with pytest.raises(EngineTrouble, match="second"):
        start()
    assert tasks.steps[-2:] == ["move to failed", "give_out_room"]


NO_HOSTS_FAULT = [BAD_REQUEST, BAD_BLUEPRINT, BAD_IMAGE]


@pytest.mark.parametrize("blame", NO_HOSTS_FAULT, ids=[one.party for one in NO_HOSTS_FAULT])
def test_what_no_host_can_do_fails_the_session_at_once_and_is_not_held_against_its_host(tasks, blame):
    tasks.answer("start_container", EngineTrouble("no", blame))
    with pytest.raises(EngineTrouble):
        start()
    assert tasks.steps == ["start_container", *UNDONE]


@pytest.mark.parametrize("blame", [IMAGE_GONE, NAME_TAKEN], ids=["image gone", "name taken"])
def test_what_another_host_can_do_is_tried_there_and_not_held_against_this_one(tasks, blame):
    tasks.answer("start_container", EngineTrouble("no", blame), {})
    start()
    assert tasks.steps[1:7] == [*ELSEWHERE[1:], "start_container"]


@pytest.mark.parametrize("error", [SessionNotReady("silent"), asyncio.CancelledError()], ids=["silent", "cancelled"])
def test_a_session_that_does_not_begin_is_undone_and_not_held_against_its_host(tasks, error):
    tasks.answer("start_was_cancelled", True)
    tasks.answer("wait_until_ready", error)
    with pytest.raises(type(error)):
        start()
    assert [step for step in tasks.steps[2:] if step != "start_was_cancelled"] == UNDONE


@pytest.mark.parametrize("ended", [asyncio.CancelledError(), TerminationSignal(SIGTERM)], ids=["thread", "process"])
def test_a_session_that_another_request_stands_for_is_started_anew_where_the_run_that_starts_it_is_cancelled(
    tasks, ended
):
    tasks.answer("wait_until_ready", ended)
    tasks.answer("start_was_cancelled", False)
    tasks.answer("give_out_room", [ON_ANOTHER_HOST])
    with pytest.raises(type(ended)):
        start()
    assert tasks.steps[3:] == ["withdraw_route", "remove_container", "move to queued", "give_out_room", "trigger"]


def test_a_cancelled_session_ends_where_it_cannot_be_known_whether_another_request_stands_for_it(tasks):
    tasks.answer("wait_until_ready", asyncio.CancelledError())
    tasks.answer("start_was_cancelled", httpx.ConnectError("away"))
    with pytest.raises(asyncio.CancelledError):
        start()
    assert tasks.steps[3:] == UNDONE


def test_a_start_that_is_closed_with_its_event_loop_undoes_nothing(tasks):
    tasks.answer("wait_until_ready", GeneratorExit())
    with pytest.raises(GeneratorExit):
        start()
    assert tasks.steps[-1] == "wait_until_ready"


def test_a_session_that_cannot_be_recorded_is_left_as_it_is_for_the_next_tick(tasks):
    tasks.answer("begin_to_run", DatabaseAway("the pool's database did not answer"))
    with pytest.raises(DatabaseAway):
        start()
    assert tasks.steps[-1] == "begin_to_run"


@pytest.mark.parametrize("error", [EngineTrouble("no"), SessionNotReady("no"), Refused("no")])
def test_a_container_that_cannot_be_removed_keeps_its_room_and_the_run_says_what_went_wrong_first(tasks, error):
    tasks.answer("start_container", error)
    tasks.answer("remove_container", HostUnreachable("away"))
    with pytest.raises(type(error), match="no"):
        start()
    assert tasks.steps[-2:] == ["move to stopping", "give_out_room"]
    _, _, facts = next(call for call in tasks.calls if call[0] == "move_instance")
    assert facts == {"reason": "no", "cause": EndCause.NOT_STARTED}


@pytest.mark.parametrize(
    "error",
    [EngineTrouble("no"), SessionNotReady("silent"), asyncio.CancelledError()],
    ids=["engine", "silent", "cancelled"],
)
def test_a_run_that_was_frozen_until_another_one_had_its_session_undoes_nothing_of_it(tasks, error):
    async def another_has_it() -> None:
        raise Held("starting of alice-1 is being done by another run")

    tasks.answer("wait_until_ready", error)
    with pytest.raises((Held, asyncio.CancelledError)):
        asyncio.run(sessions.start_session(STARTING, a_blueprint(), another_has_it))
    assert tasks.steps == ["start_container", "wait_until_ready"]


def test_a_session_that_another_run_ends_while_it_starts_ends_as_that_run_says(tasks):
    tasks.answer("begin_to_run", RefusedMove("instance alice-1 cannot go from stopping to running"))
    with pytest.raises(RefusedMove):
        start()
    assert tasks.steps == [
        "start_container",
        "wait_until_ready",
        "begin_to_run",
        "withdraw_route",
        "remove_container",
    ]


def test_a_route_that_cannot_be_withdrawn_keeps_no_container_from_being_removed(tasks):
    tasks.answer("withdraw_route", OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        end(an_instance())
    assert tasks.steps == ["move to stopping", "withdraw_route", "remove_container", "move to stopping"]


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), KeyError("odd")], ids=["Prefect is away", "a bug"])
def test_whatever_goes_wrong_in_serving_the_queue_fails_no_run_that_did_its_own_work(tasks, error):
    tasks.answer("give_out_room", error)
    end(an_instance())
    assert tasks.steps[-2:] == ["move to deleted", "give_out_room"]


def end(instance: Instance) -> None:
    asyncio.run(sessions.end_session(instance, "asked for", EndCause.REQUESTED))


@pytest.mark.parametrize(
    ("cause", "to"),
    [
        (EndCause.NOT_STARTED, State.FAILED),
        (EndCause.OUT_OF_MEMORY, State.FAILED),
        (EndCause.EXPIRED, State.DELETED),
        (EndCause.REQUESTED, State.DELETED),
    ],
)
def test_a_session_whose_end_was_interrupted_ends_as_it_began_to_and_by_the_first_reason(tasks, cause, to):
    stopping = an_instance(state=State.STOPPING, end_cause=cause, reason="the first reason")
    end(stopping)
    _, (_, last), facts = [call for call in tasks.calls if call[0] == "move_instance"][-1]
    assert (last, facts["reason"]) == (to, "the first reason")


def test_a_session_that_was_ending_when_its_host_was_lost_ends_as_it_began_to(tasks):
    tasks.answer("get_instance", an_instance(state=State.STOPPING, end_cause=EndCause.REQUESTED, reason="asked for"))
    lost = Decision(DecisionKind.FAIL_INSTANCE, "alice-1", "its host main-01 failed", cause=EndCause.HOST_LOST)
    asyncio.run(act(lost, 0))
    _, (_, last), facts = tasks.calls[-1]
    assert (last, facts["reason"]) == (State.DELETED, "asked for")


def test_ending_takes_the_route_away_before_the_container(tasks):
    end(an_instance())
    removal = ["withdraw_route", "remove_container"]
    assert tasks.steps == ["move to stopping", *removal, "move to deleted", "give_out_room"]


def test_ending_one_that_held_no_room_serves_no_queue(tasks):
    tasks.holds = None
    end(QUEUED)
    assert "give_out_room" not in tasks.steps


@pytest.mark.parametrize("over", [State.DELETED, State.FAILED])
def test_ending_a_session_that_is_over_does_nothing(tasks, over):
    end(replace(QUEUED, state=over))
    assert tasks.steps == []
