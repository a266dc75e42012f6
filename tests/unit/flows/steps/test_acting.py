"""What a decision leads to, where it is more than one task."""

import asyncio
from types import SimpleNamespace

import pytest

from blocks.outside import standing_in
from flows.steps.acting import act
from pool.decisions import Decision, DecisionKind
from pool.errors import RefusedMove
from pool.records import Instance
from pool.reports.run_tags import BACKGROUND
from pool.states import HostState, InstanceState
from tasks.leases import Held
from tests.rigs.fakes import ScriptedTasks, fake_outside
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

RENEW = Decision(DecisionKind.RENEW, "main-01", "its certificate runs out")


def renewed(state: HostState, lease_of: str | None = None) -> list[str]:
    """Names of the tasks that were called."""
    tasks = ScriptedTasks(get_host=a_host(state=state))
    leases = SimpleNamespace(take=lambda *_: lease_of, drop=lambda *_: None)
    with standing_in(fake_outside(prefect=tasks, store=SimpleNamespace(writes=0, leases=leases))):
        asyncio.run(act(RENEW, 0))
    return tasks.names


@pytest.mark.parametrize("state", [HostState.ACTIVE, HostState.DRAINING])
def test_the_certificate_of_a_host_is_renewed_while_it_serves_and_while_it_drains(state):
    assert renewed(state) == ["get_host", "note_repair", "renew_certificate"]


def test_the_certificate_of_a_host_that_is_gone_by_now_is_not_renewed():
    assert renewed(HostState.REMOVING) == ["get_host"]


def test_no_certificate_is_renewed_beside_a_run_that_configures_the_host():
    with pytest.raises(Held):
        renewed(HostState.ACTIVE, lease_of="flow run 7")


def expiring(seen: Instance, **answers) -> ScriptedTasks:
    """What is called when a session was to be ended by now, and is as it is seen."""
    tasks = ScriptedTasks(get_instance=seen, give_out_room=[], **answers)
    over = Decision(DecisionKind.EXPIRE, "alice-1", "its time was over")
    with standing_in(fake_outside(prefect=tasks, clock=SimpleNamespace(now=lambda: later(60)))):
        asyncio.run(act(over, 0))
    return tasks


def test_a_session_is_ended_only_if_its_time_is_over_in_the_moment_of_the_move():
    ending = an_instance(state=InstanceState.STOPPING)
    tasks = expiring(an_instance(expires_at=NOW), move_instance=ending)
    _, _, facts = next(call for call in tasks.calls if call[0] == "move_instance")
    assert facts["only_if_expired_by"] == later(60)
    with pytest.raises(RefusedMove):
        expiring(an_instance(expires_at=NOW), move_instance=RefusedMove("it was extended"))


@pytest.mark.parametrize("seen", [{"expires_at": later(61)}, {"expires_at": NOW, "state": InstanceState.DELETED}])
def test_a_session_that_was_extended_or_ended_since_it_was_seen_is_not_touched(seen):
    assert expiring(an_instance(**seen)).names == ["get_instance"]


def test_a_session_whose_user_asked_since_the_tick_began_that_it_goes_on_is_not_ended():
    seen = an_instance(expires_at=NOW, extend_by=600, extensions=1)
    assert expiring(seen, grant_late_request=True).names == ["get_instance", "grant_late_request"]
    ended = expiring(seen, grant_late_request=False, move_instance=an_instance(state=InstanceState.DELETED))
    assert "move_instance" in ended.names


def acted(decision: Decision, **answers) -> list[str]:
    """Names of the tasks called for a decision, a minute after it was made."""
    ended = an_instance(state=InstanceState.DELETED)
    tasks = ScriptedTasks(get_instance=an_instance(), move_instance=ended, give_out_room=[], **answers)
    with standing_in(fake_outside(prefect=tasks, clock=SimpleNamespace(now=lambda: later(60)))):
        asyncio.run(act(decision, 0))
    return tasks.names


@pytest.mark.parametrize(
    ("host", "ends"),
    [
        (a_host(state=HostState.DRAINING, drain_deadline=later(60)), True),
        (a_host(state=HostState.DRAINING, drain_deadline=later(61)), False),
        (a_host(drain_deadline=None), False),
    ],
)
def test_a_session_ends_by_a_drain_only_if_its_host_drains_still_and_has_no_more_time(host, ends):
    names = acted(Decision(DecisionKind.END_DRAINED, "alice-1", "the drain is over"), get_host=host)
    assert ("remove_container" in names) == ends


@pytest.mark.parametrize(
    ("host", "moves"),
    [
        (a_host(state=HostState.DRAINING, drain_deadline=later(120)), True),
        (a_host(state=HostState.DRAINING, drain_deadline=later(60)), False),
        (a_host(state=HostState.ACTIVE), False),
    ],
)
def test_a_session_leaves_its_host_only_while_that_drains_and_is_asked_for_once(host, moves):
    tasks = ScriptedTasks(get_instance=an_instance(), get_host=host)
    with standing_in(fake_outside(prefect=tasks, clock=SimpleNamespace(now=lambda: later(60)))):
        for number in range(2):
            asyncio.run(act(Decision(DecisionKind.MOVE_OFF, "alice-1", "the drain is nearly over"), number))
    asked = [(words[0], words[1]["instance_id"], how["key"]) for name, words, how in tasks.calls if name == "trigger"]
    assert [one[:2] for one in asked] == [("move-instance/on-demand", "alice-1")] * 2 * moves
    assert len({key for *_, key in asked}) == moves


@pytest.mark.parametrize("idle", [True, False])
def test_a_session_whose_user_came_back_since_it_was_seen_idle_goes_on(idle):
    names = acted(Decision(DecisionKind.END_IDLE, "alice-1", "idle for more than 600 s"), still_idle=idle)
    assert ("remove_container" in names) == idle


def test_a_standby_is_asked_for_as_what_takes_no_place_from_requests():
    tasks = ScriptedTasks()
    with standing_in(fake_outside(prefect=tasks)):
        asyncio.run(act(Decision(DecisionKind.ASK_STANDBY, "standby-1", "its run was lost"), 0))
    ((name, _, asked),) = tasks.calls
    assert (name, asked["tags"]) == ("trigger", [BACKGROUND])


@pytest.mark.parametrize(("cancelled", "done"), [(True, []), (False, ["trigger"])])
def test_a_session_with_room_is_started_unless_its_start_was_cancelled(cancelled, done):
    tasks = ScriptedTasks(
        get_instance=an_instance(state=InstanceState.STARTING), start_was_cancelled=cancelled, give_out_room=[]
    )
    tasks.answer("move_instance", an_instance(state=InstanceState.FAILED))
    leases = SimpleNamespace(take=lambda *_: None, drop=lambda *_: None)
    with standing_in(fake_outside(prefect=tasks, store=SimpleNamespace(writes=0, leases=leases))):
        asyncio.run(act(Decision(DecisionKind.START, "alice-1", "no flow run starts it"), 0))
    moves = [(args[1], more["reason"]) for name, args, more in tasks.calls if name == "move_instance"]
    assert [name for name in tasks.names if name == "trigger"] == done
    assert moves == [(InstanceState.FAILED, "cancelled")] * cancelled
