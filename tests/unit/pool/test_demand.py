"""What a pool does with a demand over time: lives of a pool that the rules alone drive."""

import pytest

from pool.decisions import DecisionKind as Kind
from pool.records import FlavorSize, Headroom
from pool.states import InstanceState
from pool.timetable import read_timetable
from tests.rigs.ruled_pool import Cloud, RuledPool

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("users", [25, 60, 78])
def test_users_who_come_at_once_to_an_empty_pool_get_as_many_places_as_the_hosts_allowed_can_hold(users):
    pool = RuledPool()
    pool.ask(users)
    pool.run(300)
    assert len(pool.having(InstanceState.RUNNING)) == users
    assert pool.living <= 4


def test_sizes_are_chosen_for_the_whole_demand():
    pool = RuledPool(free_slot_target=0)
    pool.ask(78)
    assert pool.run(300).sizes() == [24, 24, 24, 6]


# The target and the timetable; the pools begin on a Monday at 08:00

HOUR = 3600


def timetable(*lines: str):
    return read_timetable(lines, "UTC")


@pytest.mark.parametrize("slowest", [90, 400, 560])
def test_what_the_timetable_wants_is_there_when_its_time_begins(slowest):
    cloud = Cloud(boot=lambda number: slowest if number == 3 else 80)
    pool = RuledPool(cloud, timetable=timetable("Mon 08:45-12:00: 60"))
    assert pool.run(HOUR / 2).free == 6
    assert pool.run(HOUR / 4).free >= 60
    assert pool.run(HOUR).free >= 60


def test_a_target_that_four_small_hosts_do_not_hold_is_kept_by_larger_ones():
    assert RuledPool(free_slot_target=40).run(600).free >= 40
    pool = RuledPool(free_slot_target=18).run(600)
    pool.turn(free_slot_target=60)
    assert pool.run(900).free >= 60
    pool.turn(free_slot_target=90)
    assert pool.run(900).free >= 90


# Hosts that nobody uses


def test_hosts_of_a_timetable_to_which_nobody_came_leave_when_it_is_over():
    pool = RuledPool(timetable=timetable("Mon 08:45-12:00: 20")).run(3.5 * HOUR)
    assert pool.free >= 20
    pool.run(1.5 * HOUR)
    assert pool.sizes() == [6]


def test_hosts_that_a_lower_target_does_not_need_leave_the_dearest_first():
    pool = RuledPool(free_slot_target=30).run(600)
    assert pool.sizes() == [24, 6]
    pool.turn(free_slot_target=4)
    assert pool.run(HOUR).sizes() == [6]


@pytest.mark.parametrize(("target", "left"), [(4, [6]), (24, [24]), (99, [24, 24])])
def test_unused_hosts_beyond_the_most_allowed_leave_at_once(target, left):
    pool = RuledPool(free_slot_target=60).run(600)
    assert pool.sizes() == [24, 24, 6, 6]
    pool.turn(max_hosts=2, free_slot_target=target)
    assert pool.run(2 * HOUR).sizes() == left


def test_a_host_that_leaves_is_not_spawned_again_and_one_that_is_needed_soon_stays():
    pool = RuledPool(free_slot_target=24, timetable=timetable("Mon 09:15-10:00: 24")).run(1800)
    pool.turn(free_slot_target=4)
    pool.run(4 * HOUR)
    assert (len(pool.made(Kind.SPAWN)), pool.sizes()) == (2, [6])


# Small hosts in the places of large ones


def test_a_small_unused_host_makes_way_for_a_large_one_that_a_session_needs():
    pool = RuledPool(max_hosts=2, free_slot_target=12).run(600)
    assert pool.sizes() == [6, 6]
    (one,) = pool.ask(slots=10)
    assert pool.run(300).sessions[one].state is InstanceState.RUNNING
    assert (pool.sizes(), pool.made(Kind.SPAWN)) == ([24, 6], ["main"] * 3)
    pool.run(HOUR)
    assert (pool.sizes(), pool.made(Kind.SPAWN)) == ([24], ["main"] * 3)


def test_no_host_makes_way_where_the_cloud_would_not_give_the_larger_one():
    pool = RuledPool(max_hosts=2, free_slot_target=12).run(600)
    pool.cloud.headroom = {FlavorSize.LARGE: Headroom(0, "no cores are left")}
    pool.ask(slots=10)
    assert pool.run(600).sizes() == [6, 6]


def test_for_free_slots_alone_the_last_host_stays_until_a_larger_one_is_there():
    pool = RuledPool(max_hosts=2, free_slot_target=12).run(600)
    pool.turn(free_slot_target=48)
    least = min(pool.run(30).free for _ in range(40))
    assert (least, pool.sizes()) == (6, [24, 24])
