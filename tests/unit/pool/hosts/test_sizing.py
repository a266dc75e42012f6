"""How many hosts a pool spawns: for its target, its timetable and its queue, and what stands in the way of more."""

from cProfile import Profile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.decisions import DecisionKind
from pool.hosts.counting import counted_hosts
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import Fault, FlavorSize, Headroom
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from pool.timetable import read_timetable
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

SMALL, LARGE = FlavorSize.SMALL, FlavorSize.LARGE


def waiting(*slots: int):
    """Sessions that wait for room, each for so many slots."""
    return [
        an_instance(f"waits-{n}", state=InstanceState.QUEUED, host=None, slots=size) for n, size in enumerate(slots)
    ]


def decided(hosts=(), now=NOW, queue=(), headroom=None, unrecorded=(), **settings):
    usual = {"free_slot_target": 0, "max_hosts": 20}
    return hosts_to_spawn(
        Situation(list(hosts), PoolSettings(**usual | settings), now, unrecorded, queue, headroom or {})
    )


def spawned(*args, **more) -> list[FlavorSize]:
    return [decision.flavor for decision in decided(*args, **more) if decision.kind is DecisionKind.SPAWN]


def waits(*args, **more) -> str:
    """What stands in the way; empty when nothing does."""
    return next((decision.reason for decision in decided(*args, **more) if decision.kind is DecisionKind.WAIT), "")


def test_what_the_queue_waits_for_comes_on_top_of_the_target():
    assert spawned(queue=waiting(1, 1), free_slot_target=4) == [SMALL]
    assert spawned(queue=waiting(1, 1, 1), free_slot_target=4) == [SMALL, SMALL]


def test_room_that_is_there_or_on_its_way_serves_the_queue():
    hosts = [a_host("main-01", reserved=4), a_host("main-02", state=HostState.SPAWNING)]
    assert spawned(hosts, queue=waiting(*[1] * 8)) == []
    assert spawned(hosts, queue=waiting(*[1] * 9)) == [LARGE]
    assert spawned(hosts, queue=waiting(*[1] * 9), unrecorded=[SMALL]) == []


def test_free_slots_in_pieces_are_no_room_for_a_large_session():
    hosts = [a_host(f"main-{n}", reserved=3) for n in range(4)]
    assert spawned(hosts, queue=waiting(3)) == []
    assert spawned(hosts, queue=waiting(4)) == [LARGE]


def test_a_session_that_does_not_fit_on_a_small_host_gets_a_large_one_though_the_pool_is_idle():
    assert spawned(queue=waiting(6)) == [SMALL]
    assert spawned(queue=waiting(10)) == [LARGE]
    assert spawned(queue=waiting(10), headroom={SMALL: Headroom(9, ""), LARGE: Headroom(0, "no cores")}) == []


def test_a_session_that_fits_on_no_flavor_spawns_nothing():
    assert decided(queue=waiting(25)) == []


def test_more_users_than_a_small_host_holds_get_few_hosts_since_more_may_come_and_places_are_scarce():
    assert spawned(queue=waiting(4, 4, 4)) == [LARGE]
    assert spawned(queue=waiting(*[1] * 30)) == [LARGE, SMALL]


def test_sessions_that_do_not_share_a_host_get_one_each():
    only_small = {SMALL: Headroom(9, ""), LARGE: Headroom(0, "no cores")}
    assert spawned(queue=waiting(4, 4, 4), headroom=only_small) == [SMALL, SMALL, SMALL]


def test_the_timetable_raises_the_target_and_is_the_reason():
    timetable = read_timetable(["Mon 08:45-12:00: 60"], "UTC")
    active = a_host(created_at=later(-600), active_at=later(0), reserved=6)
    before, in_time = (
        later(1979),
        later(1980),
    )  # 08:32:59 and 08:33: hosts take ten minutes, and two to spare
    assert decided([active], now=before, timetable=timetable) == []
    spawns = decided([active], now=in_time, timetable=timetable)
    assert [decision.flavor for decision in spawns] == [LARGE] * 3
    assert spawns[0].reason == "0 free slots now or on their way, 60 wanted by the timetable (Mon 08:45-12:00: 60)"


def test_the_reason_counts_who_waits():
    (spawn,) = decided(queue=waiting(1, 2), free_slot_target=1)
    assert spawn.reason == "0 free slots now or on their way, 1 wanted, and 3 for 2 sessions that wait"


def test_in_an_idle_pool_the_cheapest_hosts_that_are_enough_are_spawned():
    assert spawned(free_slot_target=18) == [SMALL] * 3
    assert spawned(free_slot_target=24) == [LARGE]
    assert spawned(free_slot_target=40, max_hosts=4) == [LARGE, SMALL, SMALL, SMALL]
    assert spawned(free_slot_target=78, max_hosts=4) == [LARGE, LARGE, LARGE, SMALL]


def test_where_the_hosts_allowed_cannot_hold_the_demand_they_hold_as_much_as_they_can():
    assert spawned(free_slot_target=99, max_hosts=4) == [LARGE] * 4
    assert spawned(queue=waiting(*[4] * 20), max_hosts=2) == [LARGE] * 2
    assert spawned(queue=waiting(10, 1), max_hosts=1) == [LARGE]


def test_the_quota_is_known_before_it_is_met_and_said():
    full = "10 of 12 cores are in use and {} needs {}".format
    room = {SMALL: Headroom(2, full("small", 1)), LARGE: Headroom(0, full("large", 4))}
    assert spawned(free_slot_target=24, headroom=room) == [SMALL] * 2
    assert waits(free_slot_target=24, headroom=room) == (
        "quota: 2 small instead of 1 large hosts (10 of 12 cores are in use and large needs 4)"
    )


def test_hosts_of_both_sizes_share_the_quota():
    room = {SMALL: Headroom(12, ""), LARGE: Headroom(3, "")}
    assert spawned(free_slot_target=60, headroom=room) == [LARGE, LARGE, SMALL, SMALL]
    assert spawned(free_slot_target=78, headroom=room) == [LARGE, LARGE, LARGE]
    assert spawned(free_slot_target=99, headroom={SMALL: Headroom(1, ""), LARGE: Headroom(1, "")}) == [LARGE]


def test_hosts_that_the_cloud_was_not_asked_for_yet_will_take_of_the_quota():
    hosts = [a_host(state=HostState.SPAWNING), a_host("main-02", state=HostState.SPAWNING, server_id="42")]
    room = {SMALL: Headroom(3, "one left"), LARGE: Headroom(0, "none left")}
    assert spawned(hosts, free_slot_target=99, headroom=room, unrecorded=[SMALL]) == [SMALL]


def test_without_quota_for_the_usual_size_the_other_one_is_spawned():
    room = {LARGE: Headroom(0, "20 of 24 cores are in use"), SMALL: Headroom(1, "")}
    assert spawned([a_host(reserved=6)], free_slot_target=4, headroom=room) == [SMALL]


def test_a_full_pool_says_so():
    assert waits([a_host(reserved=6)], free_slot_target=4, max_hosts=1) == "1 of at most 1 host is there"
    assert waits([a_host(reserved=6)], free_slot_target=0, max_hosts=1) == ""


def test_so_many_hosts_at_most_are_on_their_way_at_once():
    hosts = [a_host(f"main-{n}", state=HostState.SPAWNING) for n in range(3)]
    assert len(spawned(hosts, free_slot_target=99, max_spawns=5)) == 2
    assert waits(hosts, free_slot_target=99, max_spawns=3) == "3 hosts are being spawned, at most 3 at once"


pools = st.lists(
    st.builds(
        a_host,
        name=st.integers(0, 99).map("main-{}".format),
        state=st.sampled_from(HostState),
        reserved=st.integers(0, 6),
        fault=st.none() | st.sampled_from(Fault),
        last_error_at=st.integers(0, 4000).map(later),
        server_id=st.none() | st.just("42"),
    ),
    max_size=8,
    unique_by=lambda host: host.name,
)
queues = st.lists(st.integers(1, 30), max_size=8).map(lambda sizes: waiting(*sizes))
rooms = st.dictionaries(st.sampled_from(FlavorSize), st.builds(Headroom, st.integers(0, 5), st.just("")))


@given(pools, queues, rooms, st.integers(0, 60), st.integers(0, 4000).map(later))
def test_no_limit_is_ever_exceeded_and_no_session_waits_for_a_host_that_it_does_not_fit_on(
    hosts, queue, room, target, now
):
    sizes = spawned(hosts, now=now, queue=queue, headroom=room, free_slot_target=target, max_hosts=6, max_spawns=3)
    living = sum(host.state is not HostState.REMOVED for host in hosts)
    assert len(sizes) <= max(0, 6 - counted_hosts(hosts, 6, now))
    assert len(sizes) + sum(host.state is HostState.SPAWNING for host in hosts) <= max(3, living)
    assert all(sizes.count(size) <= room[size].hosts for size in set(sizes) & room.keys())


@given(queues, st.integers(0, 60))
def test_without_limits_everybody_who_can_be_served_will_be(queue, target):
    sizes = spawned(queue=queue, free_slot_target=target, max_hosts=999, max_spawns=999)
    room = sum(map(PoolSettings().slots_of, sizes))
    assert room >= target + sum(one.slots for one in queue if one.slots <= 24)


def calls_to_plan(hosts: int) -> int:
    """Plan for a pool of so many hosts, 20 sessions on each and 2 waiting for each: the number of calls it takes."""
    living = tuple(a_host(f"main-{n}", slots=24, reserved=20, first_used_at=NOW) for n in range(hosts))
    running = tuple(an_instance(f"s-{n}", host=f"main-{n % hosts}") for n in range(20 * hosts))
    seen = Observation(living, (*running, *waiting(*[7] * 2 * hosts)), frozenset(host.name for host in living))
    with Profile() as profile:
        decisions = plan(seen, PoolSettings(max_hosts=2000, max_spawns=2000), later(60))
    assert sum(decision.kind is DecisionKind.SPAWN for decision in decisions) == -(-2 * hosts // 3)
    return sum(function.callcount for function in profile.getstats())


def test_twice_as_many_hosts_and_sessions_take_no_more_than_about_twice_the_work_to_plan():
    assert calls_to_plan(400) < 2.3 * calls_to_plan(200)


ones = st.integers(0, 120).map(lambda number: waiting(*[1] * number))


@given(pools, ones, rooms, st.integers(0, 60), st.integers(1, 40), st.integers(1, 12))
def test_more_demand_never_plans_fewer_slots(hosts, queue, room, target, more, most):
    def slots(**demand) -> int:
        planned = spawned(hosts, headroom=room, max_hosts=most, max_spawns=99, **demand)
        return sum(map(PoolSettings().slots_of, planned))

    before = slots(queue=queue, free_slot_target=target)
    assert slots(queue=queue, free_slot_target=target + more) >= before
    assert slots(queue=waiting(*[1] * (len(queue) + more)), free_slot_target=target) >= before


sessions = st.lists(st.sampled_from([1, 1, 2, 5, 6, 7, 10, 23, 24]), max_size=14)


def slots_planned(hosts, most, sizes, target, headroom=None) -> int:
    planned = spawned(
        hosts, queue=waiting(*sizes), headroom=headroom, max_hosts=most, max_spawns=99, free_slot_target=target
    )
    return sum(map(PoolSettings().slots_of, planned))


@given(pools, sessions, st.integers(1, 24), st.integers(0, 14), st.integers(0, 60), st.integers(1, 12))
def test_one_more_session_of_any_size_and_anywhere_in_the_queue_never_plans_fewer_slots(
    hosts, sizes, more, at, target, most
):
    before = slots_planned(hosts, most, sizes, target)
    assert slots_planned(hosts, most, [*sizes[:at], more, *sizes[at:]], target) >= before


@given(
    pools, st.lists(st.integers(1, 6), max_size=14), st.integers(1, 6), rooms, st.integers(0, 60), st.integers(1, 12)
)
def test_within_a_quota_one_more_session_that_fits_on_a_small_host_never_plans_fewer_slots(
    hosts, sizes, more, room, target, most
):
    before = slots_planned(hosts, most, sizes, target, room)
    assert slots_planned(hosts, most, [*sizes, more], target, room) >= before


def test_a_quota_of_five_small_hosts_or_a_large_one_goes_to_the_session_that_needs_the_large_one():
    room = {SMALL: Headroom(5, ""), LARGE: Headroom(1, "")}
    assert spawned(headroom=room, free_slot_target=25) == [SMALL] * 5
    assert spawned(headroom=room, free_slot_target=25, queue=waiting(7)) == [LARGE]
