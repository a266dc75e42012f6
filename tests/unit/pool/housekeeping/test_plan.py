"""What housekeeping plans: one observation, one clock, one list of decisions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.decisions import DecisionKind as Kind
from pool.hosts.counting import counted_hosts
from pool.housekeeping.found import Probe
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.settings import PoolSettings
from pool.states import ENDED, HOLDING_ROOM, HostState, InstanceState
from pool.timetable import read_timetable
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

REMOVALS = {Kind.REMOVE, Kind.CONFIRM_GONE, Kind.DELETE_SERVER}
LOSSES = REMOVALS | {Kind.FAIL_HOST, Kind.FAIL_INSTANCE}


def planned(hosts=(), instances=(), now=NOW, servers=..., settings=None, **seen) -> list[tuple[Kind, str]]:
    """Kind and subject of what is planned, when the cloud lists each host's server and no slots are wanted."""
    return [(decision.kind, decision.subject) for decision in decided(hosts, instances, now, servers, settings, **seen)]


def decided(hosts=(), instances=(), now=NOW, servers=..., settings=None, **seen):
    listed = frozenset(host.name for host in hosts) if servers is ... else servers
    observation = Observation(tuple(hosts), tuple(instances), listed, **seen)
    return plan(observation, PoolSettings(**{"free_slot_target": 0} | (settings or {})), now)


def test_a_healthy_pool_needs_nothing():
    assert planned([a_host(reserved=1)], [an_instance()]) == []


def test_a_pool_without_room_grows():
    assert planned(settings={"free_slot_target": 4}) == [(Kind.SPAWN, "main")]


@pytest.mark.parametrize("state", [HostState.SPAWNING, HostState.CONFIGURING, HostState.ACTIVE])
def test_a_host_that_was_to_become_an_image_is_given_up_when_no_run_works_on_it(state):
    host = a_host(slots=0, state=state)
    assert planned([host]) == [(Kind.FAIL_HOST, "main-01")]
    assert planned([host], busy_hosts={"main-01"}) == []


def test_a_host_that_an_image_is_made_of_is_removed_only_when_no_run_works_on_it():
    host = a_host(slots=0, state=HostState.REMOVING)
    assert planned([host], busy_hosts={"main-01"}) == []
    assert planned([host]) == [(Kind.REMOVE, "main-01")]


def test_a_host_past_its_lifetime_is_drained_once_its_successor_is_active():
    old, wanted = a_host(first_used_at=NOW), {"free_slot_target": 4}
    assert planned([old], now=later(14400), settings=wanted) == [(Kind.SPAWN, "main")]
    coming = a_host("main-02", state=HostState.CONFIGURING)
    assert planned([old, coming], now=later(14430), settings=wanted, busy_hosts={"main-02"}) == []
    assert planned([old, a_host("main-02")], now=later(14430), settings=wanted) == [(Kind.LET_GO, "main-01")]


@pytest.mark.parametrize(("minutes", "leaves"), [(-20, False), (0, False), (14, False), (15, True)])
def test_a_host_that_the_timetable_wanted_stays_a_quarter_of_an_hour_after_its_line_for_those_who_come_late(
    minutes, leaves
):
    line = {"timetable": read_timetable(["Mon 08:50-09:00: 6"], "UTC")}
    unused = a_host(active_at=later(-3600), idle_since=later(-3600))
    then = planned([unused], now=later(3600 + 60 * minutes), settings=line)
    assert then == ([(Kind.LET_GO, "main-01")] if leaves else [])


def test_a_host_with_more_errors_than_allowed_is_drained_and_says_what_the_last_was():
    assert planned([a_host(errors=5)]) == []
    (drain,) = decided([a_host(errors=6, last_error="its engine does not answer")])
    assert (drain.kind, drain.reason) == (Kind.DRAIN, "6 errors in a row, the last: its engine does not answer")


def test_shutdown_mode_drains_every_host_lets_sessions_live_and_spawns_nothing():
    hosts = [a_host("main-01", reserved=1), a_host("main-02", state=HostState.CONFIGURING)]
    plans = planned(hosts, [an_instance()], settings={"shutdown_mode": True, "free_slot_target": 9})
    assert plans == [(Kind.DRAIN, "main-01"), (Kind.DRAIN, "main-02")]


def test_a_host_that_drains_for_shutdown_mode_returns_when_that_is_off_again():
    drained = a_host(state=HostState.DRAINING, reason="pool main is in shutdown mode", active_at=NOW)
    assert planned([drained], settings={"shutdown_mode": True}) == [(Kind.REMOVE, "main-01")]
    assert planned([drained]) == [(Kind.RETURN, "main-01")]
    assert planned([replace(drained, active_at=None)]) == [(Kind.REMOVE, "main-01")]


def test_a_host_that_an_operator_drained_meanwhile_does_not_return():
    drained = a_host(state=HostState.DRAINING, reason="a new kernel", active_at=NOW, reserved=1)
    assert (Kind.RETURN, "main-01") not in planned([drained], [an_instance()])


def test_no_host_is_spawned_for_a_session_that_is_given_up_in_the_same_tick():
    waits = an_instance(host=None, state=InstanceState.QUEUED)
    assert planned([], [waits], later(899)) == [(Kind.SPAWN, "main")]
    assert planned([], [waits], later(901)) == [(Kind.GIVE_UP, "alice-1")]


def test_a_host_that_a_flow_run_configures_is_left_to_it():
    host = a_host(state=HostState.CONFIGURING, errors=9)
    for settings in ({}, {"shutdown_mode": True}):
        assert planned([host], now=later(9999), settings=settings, busy_hosts={"main-01"}) == []


def test_a_host_that_no_run_configures_is_configured():
    assert planned([a_host(state=HostState.CONFIGURING)]) == [(Kind.CONFIGURE, "main-01")]


@pytest.mark.parametrize(("state", "limit"), [(HostState.SPAWNING, 20), (HostState.CONFIGURING, 1800)])
def test_a_host_that_does_not_become_active_in_time_is_given_up(state, limit):
    host = a_host(state=state)
    assert (Kind.FAIL_HOST, "main-01") not in planned([host], now=later(limit))
    (given_up,) = decided([host], now=later(limit + 1))
    assert given_up.kind is Kind.FAIL_HOST
    assert given_up.reason == f"still {state} after {limit} s, and no flow run works on it"


@pytest.mark.parametrize(("start_timeout", "limit"), [(60, 300), (3600, 3840)])
def test_a_session_that_no_run_starts_is_given_up_after_as_long_as_it_may_take_on_one_host(start_timeout, limit):
    session = an_instance(state=InstanceState.STARTING, start_timeout=start_timeout)
    seen = {"hosts": [a_host(reserved=1)], "instances": [session]}
    assert planned(now=later(limit), **seen) == [(Kind.START, "alice-1")]
    assert planned(now=later(limit + 1), **seen) == [(Kind.CLEAN_UP, "alice-1")]


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.FAILED])
def test_an_empty_host_that_is_done_is_removed(state):
    assert planned([a_host(state=state)]) == [(Kind.REMOVE, "main-01")]
    assert planned([a_host(state=state, reserved=1)]) == []
    assert planned([a_host(state=state)], busy_hosts={"main-01"}) == []


def test_a_removed_server_is_gone_only_when_the_cloud_says_so():
    host = a_host(state=HostState.REMOVING)
    assert planned([host], servers={"main-01"}) == [(Kind.REMOVE, "main-01")]
    assert planned([host], servers=None) == []
    assert planned([host], servers=set()) == [(Kind.CONFIRM_GONE, "main-01")]


def test_a_server_that_came_after_its_host_was_removed_is_deleted():
    host = a_host(state=HostState.REMOVED)
    assert planned([host], servers={"main-01"}) == [(Kind.DELETE_SERVER, "main-01")]
    assert planned([host], servers=set()) == []


@pytest.mark.parametrize("state", [HostState.CONFIGURING, HostState.ACTIVE, HostState.DRAINING])
def test_a_host_whose_server_is_gone_fails_and_so_do_its_sessions(state):
    hosts = [a_host(state=state, reserved=1), a_host("main-02", reserved=1)]
    sessions = [an_instance("alice-1"), an_instance("bob-1", host="main-02")]
    host_fails, session_fails = decided(hosts, sessions, servers={"main-02"})
    assert (host_fails.kind, host_fails.subject) == (Kind.FAIL_HOST, "main-01")
    assert (session_fails.kind, session_fails.subject) == (Kind.FAIL_INSTANCE, "alice-1")
    assert session_fails.reason == "its host main-01 failed: the cloud no longer lists its server"


def test_a_host_whose_server_is_not_there_yet_is_left_to_be_spawned():
    assert planned([a_host(state=HostState.SPAWNING)], servers=set(), now=later(20)) == []
    assert planned([a_host(state=HostState.SPAWNING)], servers=set(), now=later(600), busy_hosts={"main-01"}) == []


def test_a_host_whose_engine_answers_is_not_lost_whatever_the_cloud_says():
    assert planned([a_host()], servers=set(), probes={"main-01": Probe(answers=True)}) == []
    assert planned([a_host()], servers=set(), probes={}) == [(Kind.FAIL_HOST, "main-01")]


def test_an_unknown_server_is_left_alone():
    assert planned([a_host()], servers={"main-01", "of-another-manager"}) == []


def test_a_session_past_its_time_is_ended():
    session = an_instance(expires_at=later(60))
    assert planned([a_host(reserved=1)], [session], now=later(59)) == []
    (ended,) = decided([a_host(reserved=1)], [session], now=later(60))
    assert (ended.kind, ended.subject, ended.reason) == (
        Kind.EXPIRE,
        "alice-1",
        "its time was over at 2026-01-05 08:01 UTC",
    )
    assert planned([a_host(reserved=1)], [session], now=later(60), busy_instances={"alice-1"}) == []


def when_idle(now, used=None, watched_since=NOW, idle_timeout=600, **seen):
    session = an_instance(idle_timeout=idle_timeout, expires_at=later(99999))
    last_used = {"alice-1": used} if used else {}
    return decided([a_host(reserved=1)], [session], now, watched_since=watched_since, last_used=last_used, **seen)


def test_a_session_that_no_user_uses_is_ended_after_its_blueprints_time():
    assert when_idle(later(600)) == []
    (ended,) = when_idle(later(601))
    assert (ended.kind, ended.subject) == (Kind.END_IDLE, "alice-1")
    assert ended.reason == "idle for more than 600 s"


def test_a_session_that_is_used_goes_on():
    assert when_idle(later(5000), used=later(4400)) == []
    assert when_idle(later(5001), used=later(4400)) != []


def test_what_a_gateway_did_not_watch_is_not_held_against_a_session():
    assert when_idle(later(5000), watched_since=None) == []
    assert when_idle(later(5000), watched_since=later(4400)) == []


def test_a_blueprint_without_an_idle_timeout_and_a_session_at_work_are_left_alone():
    assert when_idle(later(5000), idle_timeout=0) == []
    assert when_idle(later(5000), busy_instances={"alice-1"}) == []


@pytest.mark.parametrize(("state", "seconds"), [(InstanceState.STARTING, 300), (InstanceState.STOPPING, 20)])
def test_a_stranded_session_is_cleaned_up(state, seconds):
    session = an_instance(state=state)
    assert (Kind.CLEAN_UP, "alice-1") not in planned([a_host(reserved=1)], [session], now=later(seconds))
    assert planned([a_host(reserved=1)], [session], now=later(seconds + 1)) == [(Kind.CLEAN_UP, "alice-1")]
    assert planned([a_host(reserved=1)], [session], now=later(seconds + 1), busy_instances={"alice-1"}) == []


def test_a_session_that_waits_for_what_it_left_its_last_host_with_is_started_again_for_as_long_as_that_may_take():
    session = an_instance(state=InstanceState.STARTING, carried="alice-1.2")
    assert planned([a_host(reserved=1)], [session], now=later(301)) == [(Kind.START, "alice-1")]
    assert planned([a_host(reserved=1)], [session], now=later(3900)) == [(Kind.START, "alice-1")]
    assert planned([a_host(reserved=1)], [session], now=later(3901)) == [(Kind.CLEAN_UP, "alice-1")]


hosts_drawn = st.builds(
    a_host,
    name=st.sampled_from([f"main-{n:02d}" for n in range(1, 6)]),
    state=st.sampled_from(HostState),
    reserved=st.integers(0, 6),
    errors=st.integers(0, 9),
    first_used_at=st.none() | st.just(NOW),
)
instances_drawn = st.builds(
    an_instance,
    st.sampled_from(["a", "b", "c", "d"]),
    state=st.sampled_from(sorted(set(InstanceState) - ENDED)),
    host=st.sampled_from([f"main-{n:02d}" for n in range(1, 6)]),
)
pools_drawn = st.tuples(
    st.lists(hosts_drawn, max_size=5, unique_by=lambda host: host.name),
    st.lists(instances_drawn, max_size=4, unique_by=lambda instance: instance.id),
    st.integers(0, 20000).map(later),
)
modes = st.fixed_dictionaries({"shutdown_mode": st.booleans(), "free_slot_target": st.integers(0, 30)})


@given(pools_drawn, modes)
def test_without_the_clouds_answer_nothing_is_removed(pool, settings):
    hosts, instances, now = pool
    kinds = {kind for kind, _ in planned(hosts, instances, now, servers=None, settings=settings)}
    assert not kinds & REMOVALS


@given(pools_drawn, modes)
def test_a_host_with_sessions_is_never_removed(pool, settings):
    hosts, instances, now = pool
    in_use = {host.name for host in hosts if host.reserved and host.state is not HostState.REMOVING}
    removed = {subject for kind, subject in planned(hosts, instances, now, settings=settings) if kind is Kind.REMOVE}
    assert not removed & in_use


@given(pools_drawn, modes)
def test_a_running_session_is_lost_only_with_its_host(pool, settings):
    hosts, instances, now = pool
    plans = planned(hosts, instances, now, settings=settings)
    lost = {host.name for host in hosts if host.state is HostState.FAILED}
    lost |= {subject for kind, subject in plans if kind is Kind.FAIL_HOST}
    failed = {subject for kind, subject in plans if kind is Kind.FAIL_INSTANCE}
    assert all(i.host in lost for i in instances if i.id in failed and i.state is InstanceState.RUNNING)


@given(pools_drawn, modes)
def test_each_thing_gets_at_most_one_decision_and_the_pool_never_too_many_hosts(pool, settings):
    hosts, instances, now = pool
    plans = planned(hosts, instances, now, settings=settings)
    subjects = [plan for plan in plans if plan[0] is not Kind.SPAWN]
    assert len({subject for _, subject in subjects}) == len(subjects)
    counted = counted_hosts(hosts, 4, now)
    assert len(plans) - len(subjects) <= max(0, 4 - counted)


@given(pools_drawn, modes, st.booleans())
def test_what_flow_runs_work_on_is_left_to_them_unless_its_server_is_gone(pool, settings, asked):
    hosts, instances, now = pool
    busy = {"busy_hosts": {host.name for host in hosts}, "busy_instances": {one.id for one in instances}}
    plans = planned(hosts, instances, now, servers=... if asked else None, settings=settings, **busy)
    assert not {kind for kind, _ in plans} & {Kind.CONFIGURE, Kind.REMOVE, Kind.EXPIRE, Kind.CLEAN_UP, Kind.FAIL_HOST}


def test_the_drawn_pools_lead_to_every_kind_of_decision():
    """Otherwise the properties above would hold of nothing."""
    seen = {kind for state in HostState for kind, _ in planned([a_host(state=state)], now=later(99999))}
    seen |= {kind for state in HOLDING_ROOM for kind, _ in planned([a_host()], [an_instance(state=state)], later(9999))}
    assert seen >= {Kind.FAIL_HOST, Kind.REMOVE, Kind.DELETE_SERVER, Kind.EXPIRE, Kind.CLEAN_UP}
