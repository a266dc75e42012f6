"""Whether a session can be moved, where to, and what is told of it meanwhile."""

from dataclasses import replace

import pytest

from pool.errors import NoRoom, NotFound, Refused, ShuttingDown
from pool.records import KeptWork, Placement
from pool.sessions.limits import COUNTED
from pool.sessions.moving import check_can_move, move_notice, move_words, places_elsewhere, seconds_left
from pool.sessions.queue import QueueEntry, wait_limit
from pool.sessions.requests import check_not_over
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import a_host, an_instance, later

pytestmark = pytest.mark.unit

MOVABLE = an_instance(keep=KeptWork(("/home",)), slots=2)
MOVING = replace(
    MOVABLE, state=InstanceState.MOVING, target=Placement("main-02", 20000), reason="from main-01 to main-02"
)
HERE, THERE = a_host(reserved=2), a_host("main-02")
EVERYWHERE = [{"main-01", "main-02", "main-03"}]


def places(*hosts, wanted="", image_on=EVERYWHERE, **settings) -> list[str]:
    entry = QueueEntry(MOVABLE, image_on, 3000)
    return places_elsewhere(entry, [HERE, *hosts], PoolSettings(**settings), later(600), wanted)


def test_a_session_goes_to_the_fullest_other_host_with_room():
    assert places(THERE, a_host("main-03", reserved=3), a_host("main-04", reserved=5)) == ["main-03", "main-02"]
    assert places(THERE, a_host("main-03", reserved=3), wanted="main-02") == ["main-02"]


@pytest.mark.parametrize(
    "other",
    [
        a_host("main-02", reserved=5),
        a_host("main-02", state=HostState.DRAINING),
        a_host("main-02", unreachable_since=later(0)),
        a_host("main-02", disk_low_since=later(0)),
        a_host("main-09"),
    ],
    ids=["full", "draining", "out of reach", "without disk", "without the image"],
)
def test_a_host_that_could_not_have_it_is_no_place(other):
    with pytest.raises(NoRoom, match="alice-1 stays on main-01: no other active host of pool main has its image and 2"):
        places(other)


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ("main-01", Refused, "instance alice-1 is on host main-01 already"),
        ("main-07", NotFound, "pool main has no host 'main-07'"),
        ("main-02", Refused, "host main-02 is draining, not active"),
        ("main-03", NoRoom, "host main-03 has not its image and 2 slots free"),
    ],
)
def test_a_named_host_that_cannot_have_it_is_refused_with_the_reason(wanted, error, said):
    with pytest.raises(error, match=said):
        places(a_host("main-02", state=HostState.DRAINING), a_host("main-03", reserved=5), wanted=wanted)


def test_a_pool_that_shuts_down_moves_nothing():
    with pytest.raises(ShuttingDown):
        places(THERE, shutdown_mode=True)


@pytest.mark.parametrize("state", sorted(set(InstanceState) - {InstanceState.RUNNING}))
def test_only_a_session_that_runs_can_be_moved(state):
    with pytest.raises(Refused, match="only a session that runs can be moved"):
        check_can_move(replace(MOVABLE, state=state))


def test_a_session_of_which_nothing_would_arrive_is_not_moved():
    with pytest.raises(Refused, match="keeps nothing that could be taken along"):
        check_can_move(an_instance())
    check_can_move(MOVABLE)


def test_a_session_whose_time_is_over_is_moved_as_one_with_a_second_left():
    assert seconds_left(MOVABLE, later(600)) == 3000
    assert seconds_left(MOVABLE, later(9999)) == 1


def test_a_platform_is_told_where_a_session_goes_and_nothing_once_it_runs():
    assert move_notice(MOVING) == "it is being moved from main-01 to main-02"
    begins = replace(MOVING, state=InstanceState.STARTING, carried="alice-1.2", last_host="main-01", reason="")
    assert move_notice(begins) == "it is being moved from main-01"
    assert move_notice(MOVABLE) == ""


def test_the_reason_of_a_move_is_told_where_there_is_one():
    assert move_words(MOVABLE, "main-02", "") == "from main-01 to main-02"
    assert move_words(MOVABLE, "main-02", "old disk") == "from main-01 to main-02: old disk"


def test_a_session_that_is_moved_counts_and_its_id_is_not_used_up():
    assert InstanceState.MOVING in COUNTED
    check_not_over(MOVING)


def test_a_session_that_left_its_host_waits_as_long_as_the_pool_lets_sessions_wait():
    waits = replace(MOVABLE, state=InstanceState.QUEUED, placement=None, options={"wait": 0})
    assert wait_limit(waits, PoolSettings(queue_timeout=900)) == 0
    assert wait_limit(replace(waits, carried="alice-1.2"), PoolSettings(queue_timeout=900)) == 900
