"""Which session ends with a run that was cancelled: none that another request stands for."""

import pytest

from pool.sessions.cancelled import StartRun, StartState, ends_with_run, is_cancelled
from pool.states import InstanceState
from tests.rigs.pool_data import an_instance, later

pytestmark = pytest.mark.unit

UNDER_WAY, ANSWERED, REFUSED, CANCELLED = StartState


def request(state: StartState, at: float = 0) -> StartRun:
    """A platform's run, which was asked for a minute before it came into its state."""
    return StartRun("a", state, later(at), later(at - 60))


def start(state: StartState, at: float = 0) -> StartRun:
    """A run that the manager asked for when the session had room."""
    return StartRun("b", state, later(at), later(at - 60), by_manager=True)


@pytest.mark.parametrize(
    ("runs", "ends"),
    [
        ([], False),
        ([request(UNDER_WAY)], False),
        ([request(CANCELLED)], True),
        ([request(CANCELLED), request(CANCELLED, 5)], True),
        ([request(CANCELLED), request(REFUSED)], True),
        ([request(CANCELLED), start(UNDER_WAY, 1)], True),
    ],
    ids=["no run", "under way", "the only one", "both", "the other was refused", "the manager goes on for it"],
)
def test_a_session_ends_with_the_cancelled_request_for_it_if_no_other_stands(runs, ends):
    assert is_cancelled(runs) is ends


@pytest.mark.parametrize("state", [UNDER_WAY, ANSWERED])
@pytest.mark.parametrize("at", [-5, 5], ids=["first", "second"])
def test_a_second_request_that_is_cancelled_ends_nothing_that_the_first_got_nor_the_first_what_the_second_got(
    state, at
):
    assert not is_cancelled([request(CANCELLED), request(state, at)])


@pytest.mark.parametrize(
    ("beside", "ends"),
    [
        (request(ANSWERED, -5), True),
        (request(UNDER_WAY), False),
        (request(ANSWERED, 5), False),
        (start(UNDER_WAY), False),
        (start(ANSWERED, 5), False),
        (start(REFUSED, 5), True),
    ],
    ids=["was told to wait", "asks again", "was told since", "is at it", "was at it", "failed at it"],
)
def test_a_start_that_the_manager_asked_for_ends_the_session_if_it_is_cancelled_and_none_is_at_it_beside(beside, ends):
    assert is_cancelled([start(CANCELLED), beside]) is ends


def test_a_later_request_that_is_cancelled_hides_no_cancelled_start():
    assert is_cancelled([request(ANSWERED, -9), start(CANCELLED), request(CANCELLED, 5)])


def test_a_session_of_a_request_for_several_or_of_a_run_that_is_deleted_by_now_goes_on():
    cancelled = request(CANCELLED)
    assert is_cancelled([cancelled], accepted=cancelled.asked_at)
    assert not is_cancelled([cancelled], accepted=later(-3600))
    assert is_cancelled([start(CANCELLED)], accepted=later(-3600))


def test_a_clock_that_is_wrong_by_hours_changes_nothing():
    session = an_instance(state=InstanceState.QUEUED, created_at=later(7200), state_since=later(7200))
    assert is_cancelled([request(CANCELLED)], request(CANCELLED).asked_at)
    assert ends_with_run(session, "run-1", None)


@pytest.mark.parametrize(
    ("state", "holder", "ends"),
    [
        ("queued", None, True),
        ("starting", None, True),
        ("starting", "run-1", True),
        ("starting", "run-2", True),
        ("running", "run-1", True),
        ("running", "run-2", False),
        ("running", None, False),
        ("stopping", "run-1", False),
    ],
)
def test_a_cancelled_session_ends_unless_it_runs_by_another_run_or_ends_already(state, holder, ends):
    assert ends_with_run(an_instance(state=InstanceState(state)), "run-1", holder) is ends
