"""Names, lifetimes, placement, sizing, settings and life cycles: pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.generate import mermaid
from pool.decisions import DecisionKind
from pool.errors import BadRequest, RefusedMove
from pool.hosts.lifetime import remaining, takes_sessions
from pool.hosts.sizing import Situation, hosts_to_spawn
from pool.names import check_instance_id, check_pool_name, check_user
from pool.records import FlavorSize, Route
from pool.sessions.placement import candidates
from pool.settings import PoolSettings
from pool.states import HOST_MOVES, INSTANCE_MOVES, HostState, InstanceState, check_host_move, states_that_may_become
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

SETTINGS = PoolSettings(host_lifetime=3600, host_lifetime_low=300)


def names(hosts) -> list[str]:
    return [host.name for host in hosts]


@pytest.mark.parametrize("good", ["a", "alice-1", "a-", "0" * 63])
def test_a_good_instance_id_passes(good):
    check_instance_id(good)


@pytest.mark.parametrize("bad", ["", "Alice", "a_b", "a b", "a\n", "é", "../x", "0" * 64, "²", "-", "-alice"])
def test_a_bad_instance_id_is_shown_with_what_is_allowed(bad):
    with pytest.raises(
        BadRequest, match=r"^instance_id '.*' is not 1 to 63 of a-z, 0-9 and - with no - first, like alice-1$"
    ):
        check_instance_id(bad)


def test_a_huge_instance_id_does_not_fill_the_log():
    with pytest.raises(BadRequest) as refused:
        check_instance_id("A" * 1_000_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("bad", ["", "Main", "-main", "main-", "a.b", "a" * 41])
def test_a_pool_is_named_so_that_its_hosts_can_be(bad):
    check_pool_name("gpu-2")
    with pytest.raises(BadRequest, match=r"pool '.*' is not 1 to 40"):
        check_pool_name(bad)


@pytest.mark.parametrize("bad", ["a\nb", "a\x00", "x" * 129])
def test_a_user_is_printable_and_short(bad):
    check_user("Zoë O'Neill <zoe@example.org>")
    with pytest.raises(BadRequest, match="is not at most 128 printable characters"):
        check_user(bad)


def test_an_unused_host_does_not_age():
    assert remaining(a_host(created_at=NOW), SETTINGS, later(1_000_000)) == 3600


def test_age_counts_from_first_use():
    host = a_host(first_used_at=later(100))
    assert remaining(host, SETTINGS, later(160)) == 3540
    assert remaining(host, SETTINGS, later(3800)) == -100


def test_below_low_a_host_takes_no_session():
    host = a_host(first_used_at=NOW)
    assert takes_sessions(host, SETTINGS, later(3300))
    assert not takes_sessions(host, SETTINGS, later(3301))


def test_the_fullest_host_with_room_is_picked():
    hosts = [a_host("main-01", reserved=1), a_host("main-02", reserved=5), a_host("main-03", reserved=6)]
    assert names(candidates(hosts, 1, NOW, SETTINGS, 60)) == ["main-02", "main-01"]
    assert names(candidates(hosts, 2, NOW, SETTINGS, 60)) == ["main-01"]
    assert names(candidates(hosts, 6, NOW, SETTINGS, 60)) == []


def test_ties_go_to_the_first_name():
    assert names(candidates([a_host("main-02"), a_host("main-01")], 1, NOW, SETTINGS, 60)) == ["main-01", "main-02"]


@pytest.mark.parametrize("state", set(HostState) - {HostState.ACTIVE})
def test_only_an_active_host_is_picked(state):
    assert candidates([a_host(state=state)], 1, NOW, SETTINGS, 60) == []


def test_a_host_that_outlives_the_session_comes_before_a_fuller_one_that_does_not():
    ageing = a_host("main-01", reserved=5, first_used_at=NOW)
    hosts = [ageing, a_host("main-02"), a_host("main-03", reserved=2)]
    assert names(candidates(hosts, 1, later(1800), SETTINGS, lifetime=3000)) == ["main-03", "main-02", "main-01"]
    assert names(candidates(hosts, 1, later(1800), SETTINGS, lifetime=600)) == ["main-01", "main-03", "main-02"]


def test_a_host_near_its_end_is_a_candidate_for_a_session_whose_time_fits():
    hosts = [a_host(first_used_at=NOW)]
    assert names(candidates(hosts, 1, later(3360), SETTINGS, lifetime=240)) == ["main-01"]
    assert candidates(hosts, 1, later(3360), SETTINGS, lifetime=241) == []


def test_an_avoided_host_is_the_last_resort():
    hosts = [a_host("main-01", reserved=5), a_host("main-02", first_used_at=NOW)]
    assert names(candidates(hosts, 1, later(3000), SETTINGS, 3000, avoid=["main-01"])) == ["main-02", "main-01"]


@given(st.lists(st.tuples(st.sampled_from(HostState), st.integers(0, 6)), max_size=8), st.integers(1, 7))
def test_while_none_ages_the_active_hosts_with_room_are_candidates_the_fullest_first(drawn, slots):
    hosts = [a_host(f"main-{n:02d}", state=state, reserved=used) for n, (state, used) in enumerate(drawn)]
    with_room = [host for host in hosts if host.state is HostState.ACTIVE and host.free >= slots]
    ranked = sorted(with_room, key=lambda host: (host.free, host.name))
    assert candidates(hosts, slots, NOW, SETTINGS, lifetime=3600) == ranked


def spawned(hosts, now=NOW, unrecorded=(), **settings) -> list[FlavorSize | None]:
    decisions = hosts_to_spawn(Situation(hosts, PoolSettings(**settings), now, unrecorded))
    assert all(decision.subject == "main" for decision in decisions)
    return [decision.flavor for decision in decisions if decision.kind is DecisionKind.SPAWN]


def test_an_empty_pool_gets_one_small_host():
    assert spawned([]) == [FlavorSize.SMALL]


def test_as_many_hosts_as_are_needed_are_spawned_at_once_up_to_the_most_allowed():
    assert len(spawned([], free_slot_target=13)) == 3
    assert len(spawned([], free_slot_target=60)) == 4


def test_a_pool_in_use_gets_a_large_host():
    assert spawned([a_host(reserved=3)]) == [FlavorSize.LARGE]


def test_enough_free_slots_spawn_nothing():
    assert spawned([a_host(reserved=2)]) == []


@pytest.mark.parametrize("state", [HostState.SPAWNING, HostState.CONFIGURING])
def test_a_host_on_its_way_counts_with_its_slots(state):
    assert spawned([a_host(state=state)]) == []


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.FAILED, HostState.REMOVING])
def test_the_room_of_a_host_that_leaves_does_not_count_but_its_place_does(state):
    assert len(spawned([a_host(state=state)])) == 1
    assert spawned([a_host(state=state)], max_hosts=1) == []


def test_a_host_near_its_end_offers_no_room():
    assert len(spawned([a_host(first_used_at=NOW)], now=later(14400 - 299))) == 1


def test_a_removed_host_counts_for_nothing():
    assert len(spawned([a_host(state=HostState.REMOVED)], max_hosts=1)) == 1


def test_a_spawn_that_has_recorded_no_host_yet_is_not_asked_for_twice():
    assert spawned([], unrecorded=[FlavorSize.SMALL]) == []
    assert spawned([], unrecorded=[FlavorSize.SMALL], free_slot_target=60, max_hosts=1) == []


def test_shutdown_mode_spawns_nothing():
    assert spawned([], shutdown_mode=True) == []


def test_more_hosts_than_allowed_is_not_less_than_none():
    assert spawned([a_host(f"main-{n}", reserved=6) for n in range(6)], max_hosts=4) == []


def test_the_reason_of_a_spawn_has_its_figures():
    (decision,) = hosts_to_spawn(Situation([a_host(reserved=5)], PoolSettings(), NOW))
    assert decision.reason == "1 free slot now or on their way, 4 wanted"


def test_settings_under_which_no_host_takes_a_session_are_refused():
    with pytest.raises(BadRequest, match="pool gpu: a host's lifetime"):
        PoolSettings(name="gpu", host_lifetime=300, host_lifetime_low=300)
    with pytest.raises(BadRequest, match="pool gpu: a host must have at least 1 slot"):
        PoolSettings(name="gpu", slots_large=0)


@pytest.mark.parametrize(("states", "moves"), [(HostState, HOST_MOVES), (InstanceState, INSTANCE_MOVES)])
def test_every_state_stands_in_its_life_cycle_and_leads_to_an_end(states, moves):
    ends = {state for state, targets in moves.items() if not targets}
    assert set(moves) == set(states)
    reaching = set(ends)
    for _ in moves:
        reaching |= {state for state, targets in moves.items() if targets & reaching}
    assert reaching == set(moves)


def test_a_refused_move_names_the_host_and_both_states():
    with pytest.raises(RefusedMove, match="host h-07 cannot go from removed to active"):
        check_host_move("h-07", HostState.REMOVED, HostState.ACTIVE)


def test_the_guard_of_a_move_is_the_life_cycle_read_backwards():
    assert states_that_may_become(HostState.ACTIVE) == {HostState.CONFIGURING, HostState.DRAINING}
    assert states_that_may_become(InstanceState.STARTING) == {InstanceState.QUEUED, InstanceState.MOVING}


def test_the_diagram_shows_every_move_once():
    lines = mermaid(INSTANCE_MOVES).splitlines()
    assert lines[:3] == ["stateDiagram-v2", "    [*] --> queued", "    queued --> starting"]
    assert len(lines) == len(set(lines)) == 2 + sum(map(len, INSTANCE_MOVES.values())) + 2


def test_no_record_shows_its_secret():
    assert "secret" not in repr(an_instance())
    assert "secret" not in repr(Route("r", "10.0.0.7", 20000, token_header="token secret"))
