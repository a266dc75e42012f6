"""What holds of a pool whatever is demanded of it: the lives are drawn by hypothesis, the rules alone drive them.

The rig itself refuses room that is not there, and a host more than allowed.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pool.decisions import DecisionKind as Kind
from pool.records import Fault
from pool.states import HostState, InstanceState
from tests.rigs.ruled_pool import Cloud, RuledPool

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

HOUR, DAY = 3600, 86400
few = settings(max_examples=10, deadline=None)
#: What happens to a pool: a verb of this module, and how much of it.
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 30), st.sampled_from([1, 1, 2, 5, 10])),
        st.tuples(st.just("go"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("want"), st.integers(0, 60), st.just(0)),
        st.tuples(st.just("allow"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 40), st.just(0)),
    ),
    max_size=8,
)


def live(pool: RuledPool, happened) -> RuledPool:
    """Have all of it happen, with five minutes between."""
    for what, much, slots in happened:
        if what == "come":
            pool.ask(much, slots=slots, seconds=30 * DAY)
        elif what == "go":
            pool.leave([one.id for one in pool.sessions.values() if one.placement][:much])
        elif what in ("want", "allow"):
            pool.turn(**{"free_slot_target" if what == "want" else "max_hosts": much})
        pool.run(300 if what != "pass" else much * 100)
    return pool


def a_pool(**values) -> RuledPool:
    """One in which no host is at its end before the test is."""
    return RuledPool(Cloud(), tick=300, **{"host_lifetime": 30 * DAY, "max_hosts": 4} | values)


@few
@given(happenings)
def test_under_constant_demand_a_pool_settles_and_then_decides_nothing_more(happened):
    pool = live(a_pool(), happened).run(2 * HOUR)
    before = len(pool.decided)
    pool.run(3 * HOUR)
    assert [decision for _, decision in pool.decided[before:]] == []


@few
@given(happenings)
def test_a_settled_pool_has_what_is_wanted_or_as_many_hosts_as_it_may_have(happened):
    pool = live(a_pool(), happened).run(3 * HOUR)
    assert pool.free >= pool.settings.free_slot_target or pool.living >= pool.settings.max_hosts
    assert pool.sizes(HostState.DRAINING, HostState.REMOVING, HostState.FAILED) == []


@few
@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 6))
def test_hosts_that_a_demand_was_met_with_at_once_stay_as_long_as_it_does(users, target, most):
    pool = a_pool(free_slot_target=target, max_hosts=most)
    pool.ask(users, seconds=30 * DAY)
    assert pool.run(3 * HOUR).made(Kind.LET_GO) == []


@few
@given(happenings)
def test_never_are_two_hosts_spawned_and_removed_in_turn_for_nothing(happened):
    """Each host that was let go was there before the demand last changed, or was replaced by a larger one."""
    pool = live(a_pool(), happened)
    spawns, quiet = len(pool.hosts), pool.now
    pool.run(4 * HOUR)
    let_go = {decision.subject for at, decision in pool.decided if at >= quiet and decision.kind is Kind.LET_GO}
    assert not let_go & {*list(pool.hosts)[spawns:]}


@few
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(600, 30_000), st.integers(0, 4000)), max_size=12))
def test_the_most_hosts_allowed_hold_with_old_hosts_too_and_free_slots_are_used(asked):
    pool = RuledPool(Cloud(), tick=300, max_hosts=2, host_lifetime=HOUR, queue_timeout=10 * DAY)
    for slots, seconds, pause in asked:
        pool.ask(slots=slots, seconds=seconds)
        pool.run(pause)
        assert pool.living <= 2
    pool.run(DAY)
    assert len(pool.waited) == len(asked)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 90), st.integers(0, 60), st.integers(1, 6))
def test_an_unused_pool_replaces_no_host_by_its_like(users, target, most):
    pool = RuledPool(Cloud(), tick=600, free_slot_target=target, max_hosts=most)
    pool.ask(users, seconds=HOUR)
    pool.run(12 * HOUR)
    before = len(pool.decided)
    assert pool.run(30 * HOUR).decided[before:] == []


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(300, 90_000), st.integers(300, 6000)), max_size=10),
    st.integers(1, 3),
    st.sampled_from([None, Fault.REFUSED, Fault.CONFIGURING]),
)
def test_no_session_waits_longer_than_a_boot_takes_beside_a_free_slot(asked, most, fault):
    pool = RuledPool(Cloud(), tick=100, max_hosts=most, host_lifetime=HOUR).run(300)
    for users, seconds, pause in asked:
        pool.ask(users, seconds=seconds)
        pool.cloud.fault = fault
        for _ in range(pause // 300):
            pool.run(300)
            waiting = pool.having(InstanceState.QUEUED)
            assert not pool.free or all((pool.now - one.created_at).total_seconds() <= 400 for one in waiting)
    assert pool.sizes(HostState.DRAINING) == [] or not pool.having(InstanceState.QUEUED)


@few
@given(st.integers(1, 3), st.integers(1, 3), st.integers(4, 6), st.integers(1, 2))
def test_a_large_session_does_not_starve_behind_small_ones_that_keep_coming(small, users, large, most):
    """Each session lasts an hour, and those that come later take nothing of the room that adds up for the large one."""
    pool = RuledPool(Cloud(), tick=300, max_hosts=most, slots_large=6, host_lifetime=30 * DAY, queue_timeout=10 * DAY)

    def come(times: int) -> None:
        for _ in range(times):
            pool.ask(users, slots=small)
            pool.run(300)

    come(3)
    hours = 1 + sum(one.slots for one in pool.having(InstanceState.QUEUED)) / (3 * most)  # half of the slots, at least
    (the_large_one,) = pool.ask(slots=large)
    come(round(12 * hours) + 3)
    assert pool.waited[the_large_one] <= hours * HOUR + 600


@few
@given(happenings)
def test_a_change_of_demand_spawns_no_more_hosts_than_there_may_be(happened):
    pool = a_pool()
    for one in happened:
        before = len(pool.made(Kind.SPAWN))
        live(pool, [one]).run(3 * HOUR)
        assert len(pool.made(Kind.SPAWN)) - before <= pool.settings.max_hosts


@few
@given(happenings, st.sampled_from([Fault.REFUSED, Fault.LAUNCH, Fault.CONFIGURING]))
def test_while_every_launch_fails_a_pool_tries_a_few_hosts_an_hour_and_keeps_its_bounds(happened, fault):
    pool = a_pool()
    pool.cloud.fault = fault
    live(pool, happened).run(6 * HOUR)
    late = [at for at, one in pool.decided if one.kind is Kind.SPAWN and (pool.now - at).total_seconds() <= 4 * HOUR]
    assert len(late) <= 4 * 4
    assert pool.living <= 6
