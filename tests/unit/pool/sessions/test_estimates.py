"""How long those in the queue will wait."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pool.sessions.estimates import QueuePosition, queue_positions
from pool.sessions.queue import QueueEntry, grants
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

NEAR = later(14400 - 240)  # four minutes before a host that is used since NOW ends


def waiting(*slots: int):
    return [
        an_instance(f"q{n}", state=InstanceState.QUEUED, host=None, slots=needed, created_at=later(n))
        for n, needed in enumerate(slots)
    ]


def waits(line, hosts=(), sessions=(), now=NOW, **settings) -> list[int | None]:
    places = queue_positions(line, hosts, sessions, PoolSettings(**{"max_hosts": 1} | settings), now)
    return [places[one.id].estimate for one in line]


def full(**values):
    """A host that took 100 s to become active."""
    usual: dict[str, Any] = {"reserved": 6, "active_at": later(100)}
    return a_host(**usual | values)


def test_positions_count_from_one():
    places = queue_positions(waiting(1, 1), [], [], PoolSettings(), NOW)
    assert places == {"q0": QueuePosition(1, None), "q1": QueuePosition(2, None)}


def test_one_waits_for_the_sessions_that_end_next():
    ending = [an_instance(f"s{n}", expires_at=later(60 * n)) for n in (3, 1, 2)]
    assert waits(waiting(1, 2), [full()], ending) == [60, 180]


def test_one_waits_for_the_host_that_is_on_its_way():
    hosts = [full(), a_host("main-02", state=HostState.CONFIGURING, created_at=later(500))]
    assert waits(waiting(1), hosts, now=later(570), max_hosts=2) == [30]


def test_one_waits_for_a_host_that_the_pool_may_still_spawn():
    assert waits(waiting(1), [full()], max_hosts=2) == [100]


def test_a_host_that_should_be_there_by_now_is_there_any_moment():
    hosts = [full(), a_host("main-02", state=HostState.SPAWNING)]
    assert waits(waiting(1), hosts, now=later(900), max_hosts=2) == [0]


def test_a_pool_that_never_had_an_active_host_does_not_guess():
    hosts, ending = [a_host(reserved=6)], [an_instance(expires_at=later(60))]
    assert waits(waiting(1), hosts, ending, max_hosts=2) == [None]


def test_those_behind_a_large_one_get_small_room_on_several_hosts_in_the_moment_in_which_it_gets_its_own():
    hosts = [full(name=f"main-0{n}", reserved=5) for n in (1, 2)] + [full(name="main-03")]
    ending = [an_instance("large", "main-03", slots=3, expires_at=later(60))]
    assert waits(waiting(3, 1, 1, 3), hosts, ending) == [60, 60, 60, None]


def test_those_behind_one_that_will_never_fit_do_not_know_either():
    assert waits(waiting(9, 1), [full()], [an_instance(expires_at=later(60))]) == [None, None]


def beside_old(line, now=NEAR, hosts=(), **settings) -> dict[str, QueuePosition]:
    """Where they stand at a pool whose host has two free slots, and ends at 12:00."""
    old = full(reserved=4, first_used_at=NOW)
    return queue_positions(line, [old, *hosts], [], PoolSettings(**settings), now)


def asked(now, *slots: int, **options):
    return [replace(one, created_at=now, state_since=now, options=options) for one in waiting(*slots)]


def test_one_that_waits_beside_the_free_slots_of_a_host_near_its_end_is_told_both_choices():
    (told,) = beside_old(asked(NEAR, 1)).values()
    assert told.notice == (
        "it waits for a new host until 11:57 UTC, and then goes to main-01, which has 2 free slots:"
        " its lifetime ends at 12:00 UTC, and its sessions go on;"
        " a new request with the option wait: 0 starts there at once"
    )
    (silent,) = beside_old(asked(NEAR, 3)).values()
    assert silent.notice == ""


@pytest.mark.parametrize("seconds", [0, 30, 90])
def test_what_it_is_told_is_the_same_at_each_tick_and_the_estimate_counts_down_to_it(seconds):
    at_first, later_on = (beside_old(asked(NEAR, 1), NEAR + timedelta(seconds=at))["q0"] for at in (0, seconds))
    assert later_on.notice == at_first.notice
    assert later_on.estimate == 100 - seconds  # this pool's hosts take 100 s


@pytest.mark.parametrize(("options", "moment"), [({}, "11:57"), ({"wait": 60}, "11:56")])
def test_it_is_told_the_moment_at_which_it_gets_the_old_host_in_truth(options, moment):
    line, old = asked(NEAR, 1, **options), full(reserved=4, first_used_at=NOW)
    assert f"until {moment} UTC" in beside_old(line)["q0"].notice
    entry = QueueEntry(line[0], [{"main-01"}], 3600)
    takes = [at for at in range(200) if grants([entry], [old], PoolSettings(), NEAR + timedelta(seconds=at))]
    assert f"{NEAR + timedelta(seconds=takes[0]):%H:%M}" == moment


def test_each_is_told_of_slots_that_no_other_one_is_told_of():
    places = beside_old(asked(NEAR, 1, 2, 1, 1))
    assert [bool(place.notice) for place in places.values()] == [True, False, True, False]


def test_where_no_new_host_can_come_there_is_no_choice_to_tell():
    assert beside_old(asked(NEAR, 1), max_hosts=1)["q0"] == QueuePosition(1, 0)


@pytest.mark.parametrize(("ends", "told"), [(899, (899, "")), (900, (None, "no room is expected before 08:15 UTC"))])
def test_no_estimate_is_beyond_the_moment_at_which_the_session_is_given_up(ends, told):
    line, ending = waiting(1), [an_instance("s1", expires_at=later(ends))]
    place = queue_positions(line, [full()], ending, PoolSettings(max_hosts=1, queue_timeout=900), NOW)["q0"]
    assert (place.estimate, place.notice.partition(",")[0]) == told
