"""How long hosts serve: from first use, past it where the pool has no other room, and large ones without sessions."""

from dataclasses import replace

import pytest

from pool.decisions import DecisionKind as Kind
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import Fault, FlavorSize
from pool.sessions.placement import candidates
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

LIFETIME, EXTRA = 3600, 1800


def large(name="main-01", **values):
    return a_host(name, flavor=FlavorSize.LARGE, slots=24, active_at=NOW, **values)


def decided(hosts, now, instances=(), **settings):
    usual = {"free_slot_target": 0, "host_lifetime": LIFETIME, "host_lifetime_extra": EXTRA}
    seen = Observation(tuple(hosts), tuple(instances), frozenset(host.name for host in hosts))
    return plan(seen, PoolSettings(**usual | settings), now)


LEAVES = (Kind.DRAIN, Kind.LET_GO)


def drained(hosts, now, **settings) -> list[str]:
    return [decision.subject for decision in decided(hosts, now, **settings) if decision.kind in LEAVES]


def test_an_unused_small_host_does_not_age():
    assert drained([a_host(active_at=NOW)], later(10**7), free_slot_target=4) == []


def test_a_lone_large_host_that_no_session_uses_gives_way_to_a_small_one():
    (spawn,) = decided([large()], later(LIFETIME), free_slot_target=4)
    assert (spawn.kind, spawn.flavor) == (Kind.SPAWN, FlavorSize.SMALL)
    hosts = [large(), a_host("main-02", active_at=later(LIFETIME))]
    (drain,) = decided(hosts, later(LIFETIME), free_slot_target=4)
    assert (drain.kind, drain.subject) == (Kind.LET_GO, "main-01")
    assert drain.reason == "it is large, and pool main was not used for 3600 s"


def test_a_large_host_is_not_replaced_by_its_like_where_both_sizes_are_one_flavor():
    one_flavor = {"flavor_small": "standard.large", "flavor_large": "standard.large"}
    assert decided([large()], later(10**7), free_slot_target=4, **one_flavor) == []
    assert decided([large()], later(10**7), free_slot_target=4, slots_small=24) == []


@pytest.mark.parametrize("wanted", [{"free_slot_target": 19}, {"free_slot_target": 12, "max_hosts": 1}])
def test_a_large_host_is_not_replaced_by_its_like_where_small_ones_would_not_do(wanted):
    assert decided([large()], later(10**7), **wanted) == []


def test_the_small_host_is_spawned_before_the_large_one_goes():
    kinds = [decision.kind for decision in decided([large()], later(LIFETIME - 299), free_slot_target=4)]
    assert kinds == [Kind.SPAWN]


def test_the_small_host_does_not_make_the_large_one_young_again_when_it_comes():
    hosts = [large(), a_host("main-02", active_at=later(LIFETIME - 1))]
    assert drained(hosts, later(LIFETIME)) == ["main-01"]


def test_an_unused_large_host_beside_one_in_use_does_not_age():
    assert drained([large(), large("main-02", reserved=1)], later(10**7), free_slot_target=24) == []


def test_the_time_without_use_begins_when_the_last_session_of_the_pool_left():
    hosts = [large(), a_host("main-02", idle_since=later(1000), first_used_at=later(999))]
    assert drained(hosts, later(LIFETIME + 998)) == []
    assert drained(hosts, later(LIFETIME + 1000)) == ["main-01", "main-02"]


def old(name, **values):
    """A host whose lifetime is over at NOW + LIFETIME."""
    return a_host(name, first_used_at=NOW, **values)


def test_a_host_with_sessions_goes_on_past_its_lifetime_for_in_draining_it_would_hold_its_place():
    hosts = [old("main-01", reserved=3), a_host("main-02")]
    assert drained(hosts, later(10**7), free_slot_target=4) == []
    assert drained([old("main-01"), hosts[1]], later(10**7), free_slot_target=4) == ["main-01"]


def test_an_empty_host_of_a_full_pool_goes_on_up_to_the_hard_limit_while_there_is_no_other_free_slot():
    hosts = [old("main-01"), a_host("main-02", reserved=6)]
    assert drained(hosts, later(LIFETIME + EXTRA - 1), max_hosts=2) == []
    assert drained(hosts, later(LIFETIME + EXTRA), max_hosts=2) == ["main-01"]
    refused = a_host("main-03", state=HostState.REMOVED, fault=Fault.REFUSED, last_error_at=later(LIFETIME))
    assert drained([*hosts, refused], later(10**7), max_hosts=2) == []


def test_an_old_empty_host_whose_disk_is_full_is_no_room_and_goes():
    low = old("main-01", disk_low_since=NOW)
    assert drained([low], later(LIFETIME), free_slot_target=4) == ["main-01"]
    assert drained([old("main-01"), replace(low, name="main-02")], later(LIFETIME), free_slot_target=4) == ["main-02"]


def test_where_a_successor_can_come_the_old_host_waits_for_it_and_where_none_is_wanted_it_goes():
    hosts = [old("main-01"), a_host("main-02", reserved=6)]
    assert drained(hosts, later(LIFETIME), max_hosts=3, free_slot_target=1) == []
    assert drained(hosts, later(LIFETIME), max_hosts=3) == ["main-01"]


def test_of_several_old_hosts_those_go_that_the_others_can_spare():
    hosts = [old("main-01"), old("main-02"), old("main-03")]
    assert drained(hosts, later(LIFETIME), max_hosts=3) == ["main-01", "main-02"]


def test_a_host_that_fails_again_and_again_does_not_work_overtime_and_is_no_room_elsewhere():
    hosts = [old("main-01", reserved=3), a_host("main-02", errors=9)]
    assert drained(hosts, later(LIFETIME), max_hosts=2) == ["main-02"]


def placed(hosts, now, lifetime=60, **more) -> list[str]:
    settings = PoolSettings(host_lifetime=LIFETIME, host_lifetime_extra=EXTRA)
    return [host.name for host in candidates(hosts, 1, now, settings, lifetime, **more)]


def test_an_old_host_takes_a_session_only_where_no_new_one_can_come():
    assert placed([old("main-01")], later(LIFETIME)) == []
    assert placed([old("main-01")], later(LIFETIME), old_too=True) == ["main-01"]
    past = [a_host("main-01", first_used_at=later(-EXTRA), reserved=5), old("main-02")]
    assert placed(past, later(LIFETIME), old_too=True) == ["main-02", "main-01"]  # past the hard limit: last of all


def test_an_old_host_is_the_last_choice_but_for_one_that_failed_this_session():
    hosts = [old("main-01", reserved=5), a_host("main-02"), a_host("main-03", reserved=5)]
    assert placed(hosts, later(LIFETIME), old_too=True) == ["main-03", "main-02", "main-01"]
    assert placed(hosts, later(LIFETIME), old_too=True, avoid=["main-03"]) == ["main-02", "main-01", "main-03"]


def draining(until, session=InstanceState.RUNNING, **seen):
    host = a_host(state=HostState.DRAINING, reserved=1, reason="new kernel", drain_deadline=until)
    session = an_instance(state=session, expires_at=later(99999))
    return decided([host], later(60), [session])


def test_a_session_on_a_draining_host_lives_out_its_time_unless_the_drain_has_a_deadline():
    assert draining(until=None) == []
    assert draining(until=later(61)) == []
    (ended,) = draining(until=later(60))
    assert (ended.kind, ended.subject) == (Kind.END_DRAINED, "alice-1")
    assert ended.reason == "the drain of its host main-01 had until 2026-01-05 08:01 UTC: new kernel"


def test_at_the_deadline_a_session_that_is_just_starting_is_left_until_it_runs():
    assert Kind.END_DRAINED not in {one.kind for one in draining(until=later(60), session=InstanceState.STARTING)}
