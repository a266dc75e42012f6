"""What a pool does with a demand over time: lives of a pool that the rules alone drive."""

import pytest

from pool.decisions import DecisionKind as Kind
from pool.records import Fault, FlavorSize, Headroom
from pool.states import HostState, InstanceState
from pool.timetable import read_timetable
from tests.rigs.ruled_pool import Cloud, RuledPool

# Not watched for coverage: thousands of ticks run what the tests of the rules run once.
pytestmark = [pytest.mark.unit, pytest.mark.thorough, pytest.mark.no_cover]


@pytest.mark.parametrize("users", [25, 60, 78])
def test_users_who_come_at_once_to_an_empty_pool_get_as_many_places_as_the_hosts_allowed_can_hold(users):
    pool = RuledPool()
    pool.ask(users)
    pool.run(300)
    assert len(pool.having(InstanceState.RUNNING)) == users
    assert pool.living <= 4


def test_users_who_come_within_a_minute_or_two_get_their_places_too():
    pool = RuledPool()
    for users in (10, 20, 30, 18):
        pool.ask(users)
        pool.run(30)
    assert len(pool.run(400).having(InstanceState.RUNNING)) == 78


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


def test_stragglers_get_small_hosts_where_large_ones_are_for_a_pool_in_full_use_and_a_class_gets_large_ones_anyway():
    pool = RuledPool(large_from=24).run(300)
    pool.ask(4)
    assert pool.run(300).sizes() == [6, 6]
    pool.ask(40)
    assert pool.run(300).sizes()[:2] == [24, 24]


# Hosts that no session uses


def test_hosts_of_a_timetable_to_which_no_user_came_leave_when_it_is_over():
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


# Hosts past their lifetime: make before break


def longest_wait(pool: RuledPool) -> float:
    """Seconds that any session waited for its place; those that were given up count for ever."""
    return max(pool.waited.get(one, float("inf")) for one in pool.sessions)


@pytest.mark.parametrize(
    "trouble",
    [{"fault": Fault.REFUSED}, {"fault": Fault.CONFIGURING}, {"boot": lambda number: 7200},
     {"headroom": {size: Headroom(0, "quota") for size in FlavorSize}}],
    ids=["the cloud refuses", "the playbook fails", "a boot takes hours", "the quota is used up"],
)  # fmt: skip
def test_while_nothing_can_replace_an_old_host_newcomers_get_its_free_slots(trouble):
    pool = RuledPool(Cloud(boot=lambda number: 100)).run(300)
    pool.ask(2, seconds=24 * HOUR)
    pool.run(4 * HOUR - 600)
    for name, value in trouble.items():
        setattr(pool.cloud, name, value)
    pool.run(1800)
    pool.ask(3)
    pool.run(600)
    assert longest_wait(pool) <= 300
    assert pool.sizes(HostState.DRAINING) == []


def test_once_its_successor_is_active_an_old_host_takes_no_newcomers_and_leaves_when_it_is_empty():
    pool = RuledPool().run(300)
    old = pool.ask(2, seconds=5 * HOUR)
    pool.run(4 * HOUR + 600)
    (new,) = pool.ask(seconds=8 * HOUR)
    assert pool.sessions[new].host != pool.sessions[old[0]].host
    assert pool.run(HOUR).hosts["main-0001"].state is HostState.REMOVED


@pytest.mark.parametrize(("most", "slots", "every"), [(4, 24, 1200), (1, 24, 3700)])
def test_while_slots_are_free_anywhere_no_session_of_a_day_waits_longer_than_a_boot_takes(most, slots, every):
    pool = RuledPool(tick=600, max_hosts=most, slots_large=slots, slots_small=slots if most < 4 else 6)
    for _ in range(144):
        pool.ask(seconds=24 * HOUR)
        pool.run(every)
    assert longest_wait(pool) <= 1200  # a tick, and a boot that is seen at a tick
    assert len(pool.waited) == 144


# A host that is near its end


def near_its_end() -> RuledPool:
    """A pool whose one host has 240 s left, and free slots."""
    pool = RuledPool(free_slot_target=0)
    pool.ask(seconds=24 * HOUR)
    pool.run(120)
    return pool.run(4 * HOUR - 240)


def test_a_session_whose_time_fits_starts_on_a_host_that_is_near_its_end():
    pool = near_its_end()
    pool.ask(seconds=200)
    assert pool.having(InstanceState.QUEUED) == []


def test_a_session_whose_time_does_not_fit_waits_for_a_boot_unless_it_does_not_wait():
    pool = near_its_end()
    (patient,) = pool.ask()
    (hurried,) = pool.ask(wait=0)
    assert pool.sessions[patient].state is InstanceState.QUEUED
    assert pool.sessions[hurried].host == "main-0001"
    pool.run(240)
    assert pool.sessions[patient].host == "main-0002"


# Playbooks that fail, and networks that are away


def test_a_pool_recovers_by_itself_from_a_mirror_that_was_down_for_an_hour():
    pool = RuledPool(Cloud(fault=Fault.CONFIGURING)).run(HOUR)
    assert (pool.free, len(pool.made(Kind.SPAWN)) <= 8) == (0, True)
    pool.cloud.fault = None
    assert pool.run(HOUR).free == 6


def with_eight_sessions() -> RuledPool:
    pool = RuledPool(free_slot_target=12).run(300)
    pool.ask(8, seconds=4 * HOUR)
    return pool.run(600)


def test_when_all_hosts_are_out_of_reach_at_once_none_is_given_up_and_it_is_said():
    pool = with_eight_sessions()
    pool.cloud.silent = lambda host: True
    pool.run(600)
    assert (pool.made(Kind.FAIL_HOST), set(pool.made(Kind.CUT_OFF))) == ([], {"main"})
    pool.cloud.silent = lambda host: host == "main-0002"  # they come back one after the other
    pool.run(120)
    pool.cloud.silent = lambda host: False
    pool.run(600)
    assert len(pool.having(InstanceState.RUNNING)) == 8
    assert pool.made(Kind.FAIL_HOST) == []


def test_a_single_silent_host_is_given_up_after_its_grace_time():
    pool = with_eight_sessions()
    pool.cloud.silent = lambda host: host == "main-0002"
    assert pool.run(300).made(Kind.FAIL_HOST) == []
    assert pool.run(60).made(Kind.FAIL_HOST) == ["main-0002"]


def test_while_many_hosts_are_out_of_reach_one_host_at_most_is_tried_in_their_place():
    pool = with_eight_sessions()
    before = len(pool.made(Kind.SPAWN))
    pool.cloud.silent = lambda host: True
    pool.cloud.fault = Fault.LAUNCH
    pool.run(120)
    assert len(pool.made(Kind.SPAWN)) - before <= 3
