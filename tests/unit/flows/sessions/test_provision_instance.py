"""What a request for a session is answered with."""

import asyncio
from dataclasses import replace
from inspect import unwrap

import pytest

from blocks.outside import outside, standing_in
from flows.sessions.provision_instance import provision_instance
from pool.errors import BadRequest, EngineTrouble, NoRoom, Refused, RefusedMove
from pool.states import InstanceState
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import a_blueprint, an_instance

pytestmark = pytest.mark.unit

QUEUED = an_instance(state=InstanceState.QUEUED, host=None)
STARTING = an_instance(state=InstanceState.STARTING)
FULL = NoRoom("pool main is full")


class FreeLeases:
    """Every lease is free."""

    def take(self, *_: object) -> None:
        return None

    def drop(self, *_: object) -> None:
        return None


class Store:
    leases = FreeLeases()
    writes = 0


@pytest.fixture
def tasks():
    """A session that is asked for, gets room and runs."""
    tasks = ScriptedTasks(record_instance=(QUEUED, a_blueprint()), get_instance=STARTING, give_out_room=[])
    tasks.answer("answer", lambda instance: {"state": str(instance.state)})
    tasks.answer("move_instance", lambda _id, to, **_: an_instance(state=to))
    tasks.answer("start_container", {})
    tasks.answer("wait_until_ready", {})
    tasks.answer("begin_to_run", an_instance())
    with standing_in(fake_outside(prefect=tasks, store=Store())):
        yield tasks


def provision() -> dict:
    return asyncio.run(unwrap(provision_instance.fn)("alice-1"))


@pytest.mark.parametrize("with_others", [False, True])
def test_a_session_is_started_in_three_steps_whether_or_not_it_was_recorded_with_others(tasks, with_others):
    if with_others:
        tasks.answer("find_request", STARTING)
        tasks.answer("read_blueprint", a_blueprint())
    assert provision() == {"state": "running"}
    assert tasks.task_runs == ["start_container", "wait_until_ready", "publish_route"]


def test_a_run_looks_at_its_session_once_what_its_process_does_beside_its_taking_is_done(tasks):
    end, seen = outside().turns.begin_work("beginning of flow run a-run"), []

    def find(*_):
        seen.append("looked")
        return STARTING

    async def run_while_it_is_done() -> list[str]:
        flow = asyncio.create_task(unwrap(provision_instance.fn)("alice-1"))
        await asyncio.sleep(0.02)
        seen.append("done")
        end()
        await flow
        return seen

    tasks.answer("find_request", find)
    tasks.answer("read_blueprint", a_blueprint())
    assert asyncio.run(run_while_it_is_done()) == ["done", "looked"]


def test_without_room_the_answer_is_that_it_waits(tasks):
    tasks.answer("get_instance", QUEUED)
    assert provision() == {"state": "queued"}


def test_a_session_that_could_not_be_started_is_failed_with_the_reason(tasks):
    tasks.answer("wait_until_ready", EngineTrouble("no"))
    with pytest.raises(EngineTrouble):
        provision()
    moves = [(args[1], more["reason"]) for name, args, more in tasks.calls if name == "move_instance"]
    assert moves[-1] == (InstanceState.FAILED, "no")


def test_a_session_that_would_wait_for_nothing_is_refused(tasks):
    tasks.answer("check_waiting", FULL)
    tasks.answer("get_instance", QUEUED)
    with pytest.raises(NoRoom):
        provision()
    assert tasks.names[-1] == "move_instance"


def test_a_session_whose_turn_comes_while_it_is_refused_is_started(tasks):
    tasks.answer("check_waiting", FULL)
    tasks.answer("get_instance", QUEUED, STARTING)
    tasks.answer("move_instance", RefusedMove("it is starting"), lambda _id, to, **_: an_instance(state=to))
    assert provision() == {"state": "running"}


@pytest.mark.parametrize("state", [InstanceState.DELETED, InstanceState.FAILED])
def test_a_session_that_is_over_is_answered_with_its_end_and_the_reason_however_often_it_is_asked_for(tasks, state):
    tasks.answer("record_instance", (replace(QUEUED, state=state, reason="no room"), None))
    for _ in range(2):
        with pytest.raises(Refused, match=rf"alice-1 is {state} \(no room\); ask with a new instance_id"):
            provision()


def test_a_session_that_another_run_starts_is_answered_as_starting_when_it_takes_long(tasks):
    tasks.answer("record_instance", (STARTING, a_blueprint()))
    tasks.answer("await_other_run", STARTING)
    tasks.answer("get_instance", RefusedMove("another run is at it"))
    assert provision() == {"state": "starting"}


def test_a_session_that_runs_is_answered_without_a_look_at_its_blueprint(tasks):
    tasks.answer("record_instance", (an_instance(), None))
    assert provision() == {"state": "running"}
    assert "read_blueprint" not in tasks.names


@pytest.mark.parametrize("session", [QUEUED, STARTING])
def test_a_session_whose_blueprint_cannot_be_read_any_more_is_failed_with_the_reason(tasks, session):
    tasks.answer("record_instance", (session, None))
    tasks.answer("read_blueprint", BadRequest("blueprint 'jupyter': port: must be given"))
    with pytest.raises(BadRequest):
        provision()
    ends = [(args[1], more["reason"]) for name, args, more in tasks.calls if name == "move_instance"]
    assert ends == [(InstanceState.FAILED, "blueprint 'jupyter': port: must be given")]
