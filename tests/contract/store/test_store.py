"""Hosts and instances in the store, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pool.errors import NotFound, Refused, RefusedMove
from pool.records import SESSION_PORTS, FlavorSize, ProxyOptions
from pool.states import HostState, InstanceState
from pool.store.hosts.host_store import REMEMBERED
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim, claim_active, later, place, run
from tests.rigs.present import present

pytestmark = pytest.mark.contract


def test_hosts_are_numbered_in_their_pool(store):
    names = [claim(store, "run-1").name, claim(store, "run-2").name, claim(store, "run-3", pool="gpu").name]
    assert names == ["main-01", "main-02", "gpu-01"]


def test_a_claimed_host_is_spawning_and_empty(store):
    host = claim(store)
    assert (host.state, host.reserved, host.free, host.created_at) == (HostState.SPAWNING, 0, 6, NOW)
    assert store.hosts.get("main-01") == host


def test_a_retried_run_gets_its_own_host_back_whatever_became_of_it(store):
    claim(store, "run-1", max_hosts=1)
    failed = store.hosts.move("main-01", HostState.FAILED, NOW, "no quota")
    assert claim(store, "run-1", max_hosts=1) == failed


def test_a_pool_never_claims_more_hosts_than_it_may(store):
    claim(store, "run-1", max_hosts=1)
    with pytest.raises(Refused, match="pool main already has 1 of 1 host"):
        claim(store, "run-2", max_hosts=1)
    assert claim(store, "run-3", max_hosts=1, pool="gpu").name == "gpu-01"


def test_a_host_whose_server_is_not_deleted_for_an_hour_makes_place_once(store):
    claim(store, "run-1", max_hosts=1)
    for state in (HostState.FAILED, HostState.REMOVING):
        store.hosts.move("main-01", state, NOW)
    for moment in (NOW, later(3600)):
        with pytest.raises(Refused, match="1 of 1 host"):
            store.hosts.claim("main", FlavorSize.SMALL, 6, "run-2", 1, moment)
    assert store.hosts.claim("main", FlavorSize.SMALL, 6, "run-2", 1, later(3601)).name == "main-02"
    with pytest.raises(Refused, match="1 of 1 host"):
        store.hosts.claim("main", FlavorSize.SMALL, 6, "run-3", 1, later(3601))


def test_a_removed_host_makes_place_but_its_number_is_not_used_again(store):
    claim(store, "run-1", max_hosts=1)
    for state in (HostState.FAILED, HostState.REMOVING, HostState.REMOVED):
        store.hosts.move("main-01", state, NOW)
    assert claim(store, "run-2", max_hosts=1).name == "main-02"


def test_an_unknown_host_is_named_together_with_the_known_ones(store):
    with pytest.raises(NotFound, match="no host is named h-07; known: none"):
        store.hosts.get("h-07")
    claim(store)
    with pytest.raises(NotFound, match="no host is named h-07; known: main-01"):
        store.hosts.move("h-07", HostState.ACTIVE, NOW)


def test_hosts_are_found_by_pool_and_state(store):
    claim(store, "run-1")
    claim_active(store, "run-2")
    claim(store, "run-3", pool="gpu")
    assert [host.name for host in store.hosts.all()] == ["gpu-01", "main-01", "main-02"]
    assert [host.name for host in store.hosts.all("main", [HostState.ACTIVE])] == ["main-02"]


def test_the_hundredth_host_comes_after_the_ninety_ninth(store):
    for number in range(100):
        claim(store, f"run-{number}", max_hosts=100)
    assert [host.name for host in store.hosts.all("main")][-2:] == ["main-99", "main-100"]


def test_a_move_writes_state_reason_and_facts_at_once(store):
    claim(store)
    host = store.hosts.move("main-01", HostState.CONFIGURING, later(9), "ssh answers", address="10.0.0.7")
    assert (host.state, host.state_since, host.reason, host.address) == (
        HostState.CONFIGURING, later(9), "ssh answers", "10.0.0.7",
    )  # fmt: skip


def test_a_move_to_where_the_host_is_changes_nothing(store):
    claim(store)
    first = store.hosts.move("main-01", HostState.CONFIGURING, NOW, "ssh answers")
    assert store.hosts.move("main-01", HostState.CONFIGURING, later(60), "again") == first


def test_a_refused_move_says_from_where_to_where_and_changes_nothing(store):
    before = claim(store)
    with pytest.raises(RefusedMove, match="host main-01 cannot go from spawning to removed"):
        store.hosts.move("main-01", HostState.REMOVED, later(1))
    assert store.hosts.get("main-01") == before


def test_a_move_sets_facts_alone_never_what_holds_an_invariant(store):
    claim(store)
    with pytest.raises(TypeError, match="reserved cannot be set here"):
        store.hosts.move("main-01", HostState.CONFIGURING, NOW, reserved=0)


def test_a_host_with_sessions_is_not_removed(store):
    claim_active(store)
    ask(store)
    place(store)
    store.hosts.move("main-01", HostState.DRAINING, NOW)
    with pytest.raises(RefusedMove, match="from draining to removing: sessions still hold 1 of its slots"):
        store.hosts.move("main-01", HostState.REMOVING, NOW)
    store.instances.move("alice-1", InstanceState.FAILED, NOW)
    assert store.hosts.move("main-01", HostState.REMOVING, NOW).state is HostState.REMOVING


def test_a_host_that_becomes_active_has_no_errors_and_knows_since_when(store):
    claim(store)
    store.hosts.count_error("main-01", "dpkg was locked", NOW)
    store.hosts.move("main-01", HostState.CONFIGURING, NOW)
    host = store.hosts.move("main-01", HostState.ACTIVE, later(60))
    assert (host.errors, host.active_at) == (0, later(60))


def test_a_removed_host_has_no_images(store):
    claim(store)
    store.images.mark("main-01", "sha256:a", NOW)
    for state in (HostState.FAILED, HostState.REMOVING, HostState.REMOVED):
        store.hosts.move("main-01", state, NOW)
    assert store.images.hosts_with("sha256:a") == set()


def test_facts_are_noted_without_a_move(store):
    before = claim(store)
    noted = store.hosts.note("main-01", server_id="42", host_key="ssh-ed25519 AAAA")
    assert (noted.server_id, noted.host_key, noted.state) == ("42", "ssh-ed25519 AAAA", before.state)


def test_errors_are_counted_until_a_success(store):
    claim(store)
    assert [store.hosts.count_error("main-01", f"error {n}", later(n)) for n in (1, 2)] == [1, 2]
    host = store.hosts.get("main-01")
    assert (host.last_error, host.last_error_at) == ("error 2", later(2))
    store.hosts.clear_errors("main-01")
    assert store.hosts.get("main-01").errors == 0


def test_a_second_request_finds_the_first_session(store):
    first, made = store.instances.request("alice-1", a_blueprint(), "alice", {"lifetime": 60}, NOW)
    again, made_again = store.instances.request("alice-1", a_blueprint(slots=3), "bob", {}, later(5))
    assert (made, made_again) == (True, False)
    assert again == first


def test_a_session_is_read_back_as_it_was_asked_for(store):
    proxy = ProxyOptions(strip_prefix=True, auth_header="token {token}")
    options = {"environment": {"NAME": "Zoë"}, "lifetime": 60}
    store.instances.request("alice-1", a_blueprint(proxy=proxy), "alice", options, NOW)
    read = store.instances.get("alice-1")
    assert (read.proxy, read.options, read.created_at) == (proxy, options, NOW)


def test_routes_and_tokens_are_unguessable_and_fit_for_a_url(store):
    sessions = [ask(store, f"s-{n}") for n in range(20)]
    words = {word for session in sessions for word in (session.route, session.token)}
    assert len(words) == 40
    assert all(len(word) == 32 and word.isalnum() and word.islower() for word in words)


def test_an_unknown_instance_is_named(store):
    with pytest.raises(NotFound, match="no instance is named bob-9"):
        store.instances.get("bob-9")
    with pytest.raises(NotFound, match="no instance is named bob-9"):
        place(store, "bob-9")


def test_an_instance_is_found_by_its_id_and_one_that_was_never_asked_for_is_not(store):
    assert store.instances.find("bob-9") is None
    asked = ask(store, "bob-9")
    assert store.instances.find("bob-9") == asked


def test_taking_room_gives_host_and_port_and_starts_the_hosts_life(store):
    claim_active(store)
    ask(store, slots=2)
    taken = present(place(store, "alice-1", "main-01", later(5)))
    assert (taken.state, taken.host, taken.port) == (InstanceState.STARTING, "main-01", 20000)
    host = store.hosts.get("main-01")
    assert (host.reserved, host.first_used_at) == (2, later(5))


def test_first_use_is_the_first(store):
    claim_active(store)
    for number in (1, 2):
        ask(store, f"s-{number}")
        place(store, f"s-{number}", "main-01", later(number))
    assert store.hosts.get("main-01").first_used_at == later(1)


def test_each_session_has_a_port_of_its_own_and_one_that_came_free_is_the_last_to_be_taken_again(store):
    claim_active(store)
    taken = {}
    for number in range(5):
        ask(store, f"s-{number}")
        taken[number] = store.instances.take_turn(f"s-{number}", "main-01", (), NOW, ports=range(20000, 20004)).port
        if number == 1:
            store.instances.move("s-1", InstanceState.FAILED, NOW)
    assert taken == {0: 20000, 1: 20001, 2: 20002, 3: 20003, 4: 20001}


def test_a_host_that_gets_the_address_of_one_before_goes_on_with_its_ports(store):
    for number, (state, address) in enumerate(((HostState.FAILED, "10.0.0.5"), (HostState.ACTIVE, "10.0.0.5")), 1):
        host = claim_active(store, f"run-{number}")
        store.hosts.note(host.name, address=address)
        ask(store, f"alice-{number}")
        place(store, f"alice-{number}", host.name)
        store.hosts.move(host.name, state, NOW)
    ports = [store.instances.get(f"alice-{number}").get_placement().port for number in (1, 2)]
    assert ports == [SESSION_PORTS[0], SESSION_PORTS[1]]


def test_a_host_without_ports_is_refused_and_keeps_its_room(store):
    claim_active(store)
    for number in (1, 2):
        ask(store, f"s-{number}")
    store.instances.take_turn("s-1", "main-01", (), NOW, ports=range(20000, 20001))
    with pytest.raises(Refused, match="host main-01 has no free session port in 20000 to 20000"):
        store.instances.take_turn("s-2", "main-01", (), NOW, ports=range(20000, 20001))
    assert store.hosts.get("main-01").reserved == 1


@pytest.mark.parametrize("slots", [6, 7])
def test_a_session_fits_or_nothing_is_changed(store, slots):
    claim_active(store)
    before = ask(store, slots=slots)
    taken = place(store)
    assert (taken is not None) == (slots == 6)
    assert store.hosts.get("main-01").reserved == (6 if taken else 0)
    assert taken or store.instances.get("alice-1") == before


def test_only_an_active_host_of_its_own_pool_takes_a_session(store):
    claim(store)
    ask(store)
    ask(store, "gpu-session", pool="gpu")
    assert place(store) is None
    claim_active(store, "run-2")
    assert place(store, "gpu-session", "main-02") is None
    assert place(store, "alice-1", "no-such-host") is None


def test_room_is_taken_once(store):
    claim_active(store)
    ask(store)
    place(store)
    with pytest.raises(RefusedMove, match="instance alice-1 cannot go from starting to starting"):
        place(store)
    assert store.hosts.get("main-01").reserved == 1


def test_starting_is_reached_by_taking_room_alone(store):
    ask(store)
    with pytest.raises(RefusedMove, match="without room on a host"):
        store.instances.move("alice-1", InstanceState.STARTING, NOW)


def test_running_is_reached_with_a_time_at_which_it_is_over_alone(store):
    claim_active(store)
    ask(store)
    place(store)
    with pytest.raises(RefusedMove, match="alice-1 cannot go to running without a time at which it is over"):
        store.instances.move("alice-1", InstanceState.RUNNING, NOW)


@pytest.mark.parametrize("to", [InstanceState.QUEUED, InstanceState.FAILED])
def test_room_is_given_back_once(store, to):
    claim_active(store)
    ask(store, slots=2)
    place(store)
    for _ in range(2):
        left = store.instances.move("alice-1", to, NOW)
    assert (left.host, left.port, left.last_host) == (None, None, "main-01")
    assert store.hosts.get("main-01").reserved == 0


def test_a_session_keeps_its_room_until_nothing_of_it_exists(store):
    claim_active(store)
    ask(store)
    place(store)
    run(store)
    assert store.hosts.get("main-01").reserved == 1
    for state, reserved in (("stopping", 1), ("deleted", 0)):
        store.instances.move("alice-1", InstanceState(state), NOW)
        assert store.hosts.get("main-01").reserved == reserved


def test_a_session_that_never_had_room_gives_none_back(store):
    claim_active(store)
    ask(store, "other")
    place(store, "other")
    ask(store)
    store.instances.move("alice-1", InstanceState.STOPPING, NOW)
    assert store.instances.move("alice-1", InstanceState.DELETED, NOW).last_host is None
    assert store.hosts.get("main-01").reserved == 1


def test_a_refused_move_of_a_session_changes_nothing(store):
    ask(store)
    ended = store.instances.move("alice-1", InstanceState.FAILED, NOW, "no room")
    with pytest.raises(RefusedMove, match="instance alice-1 cannot go from failed to running"):
        run(store)
    assert store.instances.get("alice-1") == ended


def test_sessions_are_found_by_pool_state_and_host_oldest_first(store):
    claim_active(store)
    for number, session in enumerate(("c", "b", "a")):
        store.instances.request(session, a_blueprint(), "u", {}, later(number))
    place(store, "b")
    assert [session.id for session in store.instances.all("main")] == ["c", "b", "a"]
    assert [session.id for session in store.instances.all(states=[InstanceState.QUEUED])] == ["c", "a"]
    assert [session.id for session in store.instances.all(host="main-01")] == ["b"]


def test_times_come_back_in_utc_whatever_zone_they_were_given_in(store):
    tokyo = timezone(timedelta(hours=9))
    store.instances.request("alice-1", a_blueprint(), "u", {}, datetime(2026, 1, 5, 17, 0, 0, 5, tzinfo=tokyo))
    read = store.instances.get("alice-1").created_at
    assert (read, read.tzinfo) == (datetime(2026, 1, 5, 8, 0, 0, 5, tzinfo=UTC), UTC)


def test_a_time_without_a_zone_is_refused(store):
    with pytest.raises(Exception, match="has no time zone"):
        store.instances.request("alice-1", a_blueprint(), "u", {}, datetime(2026, 1, 5))


def test_a_tick_looks_at_no_host_that_was_removed_long_ago(store):
    for number in range(2):
        host = claim(store, f"run-{number}")
        for state in (HostState.FAILED, HostState.REMOVING, HostState.REMOVED):
            store.hosts.move(host.name, state, NOW + REMEMBERED * number)
    claim(store, "run-2")
    seen = store.hosts.recent("main", later(1) + REMEMBERED)
    assert [host.name for host in seen] == ["main-02", "main-03"]
