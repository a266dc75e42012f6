"""What housekeeping remembers from tick to tick, on both databases."""

import pytest

from pool.backups.states import BackupCause
from pool.decisions import Decision, DecisionKind
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, a_course, ask, claim_active, later, place
from tests.rigs.present import present

pytestmark = pytest.mark.contract


def test_a_host_out_of_reach_takes_no_session_until_it_answers(store):
    claim_active(store)
    ask(store)
    store.hosts.note_unreachable({"main-01": "timed out"}, NOW, grace=300)
    assert place(store) is None
    store.hosts.note_reached(["main-01"], later(60))
    assert present(place(store)).state is InstanceState.STARTING


def test_that_a_host_went_out_of_reach_and_came_back_is_told_once_each_with_when_it_counts_as_dead(store):
    claim_active(store)
    for seconds in (0, 30):
        store.hosts.note_unreachable({"main-01": "timed out"}, later(seconds), grace=300)
    for seconds in (60, 90):
        store.hosts.note_reached(["main-01"], later(seconds))
    silent, back = store.history.claim_untold()[-2:]
    assert (silent.event, back.event) == ("dockerdriver.host.unreachable", "dockerdriver.host.reachable")
    assert silent.reason == "timed out; it counts as dead from 2026-01-05 08:05:00 UTC on, unless it answers"


def test_a_host_whose_disk_has_too_little_room_takes_no_session_until_it_has(store):
    claim_active(store)
    ask(store)
    for seconds in (0, 30):
        store.hosts.note_disk("main-01", "its disk has 3 MB left", later(seconds))
    host = store.hosts.get("main-01")
    assert (host.disk_low_since, host.last_error, place(store)) == (NOW, "its disk has 3 MB left", None)
    store.hosts.note_disk("main-01", "", later(60))
    assert present(place(store)).state is InstanceState.STARTING


def test_what_a_host_was_configured_with_is_kept(store):
    claim_active(store)
    assert store.hosts.get("main-01").setup == ""
    assert store.hosts.note("main-01", setup="0123456789ab").setup == "0123456789ab"


def test_how_long_a_host_is_out_of_reach_counts_from_its_first_silence_and_is_no_error(store):
    claim_active(store)
    store.hosts.note_unreachable({"main-01": "timed out"}, NOW, grace=300)
    store.hosts.note_unreachable({"main-01": "refused"}, later(30), grace=300)
    host = store.hosts.get("main-01")
    assert (host.unreachable_since, host.last_error, host.last_error_at, host.errors) == (NOW, "refused", later(30), 0)


def test_orphans_keep_when_they_were_first_seen_and_are_forgotten_when_they_went(store):
    store.orphans.note("main", ["port/main/main-01/a", "port/main/main-01/b"], NOW)
    store.orphans.note("main", ["port/main/main-01/b"], later(30))
    assert {orphan.id: orphan.seen_at for orphan in store.orphans.all("main").values()} == {"port/main/main-01/b": NOW}
    assert store.orphans.all("gpu") == {}


def test_tries_to_remove_are_counted_with_the_moment_of_the_next(store):
    claim_active(store)
    store.orphans.note("main", ["x"], NOW)
    for seconds in (30, 60):
        store.orphans.count_removal("x", later(seconds))
        host = store.hosts.count_removal("main-01", later(seconds))
    orphan = store.orphans.find("x")
    assert (orphan.attempts, orphan.next_at) == (2, later(60))
    assert (host.removals, host.remove_after) == (2, later(60))
    assert store.orphans.find("y") is None


def test_sessions_that_are_over_are_told_from_those_that_live_and_those_without_a_record(store):
    ask(store, "over")
    ask(store, "lives")
    store.instances.move("over", InstanceState.FAILED, NOW)
    assert store.instances.ended_among(["over", "lives", "unheard"]) == {"over"}
    assert store.instances.living_among(["over", "lives", "unheard"]) == {"lives"}
    assert store.instances.ended_among([]) == set()


def test_more_may_be_asked_about_at_once_than_a_query_takes_values(store):
    ask(store, "over")
    store.instances.move("over", InstanceState.FAILED, NOW)
    begun = store.backups.begin(store.instances.get("over"), BackupCause.SESSION_ENDS, NOW)
    store.leases.take("over", "a run", 60, NOW)
    ids = ["over", *(f"s-{number}" for number in range(70_000))]
    assert store.instances.ended_among(ids) == {"over"}
    assert store.standbys.over_among(ids) == set()
    assert store.backups.of_instances(ids) == [begun]
    assert store.leases.holders(ids, NOW) == {"over": "a run"}


def test_the_oldest_sessions_of_many_are_read_and_all_are_counted_by_their_state(store):
    for number in range(3):
        store.instances.request(f"s-{number}", a_blueprint(), "alice", {}, later(-number))
    store.instances.move("s-0", InstanceState.FAILED, NOW)
    assert [one.id for one in store.instances.all("main", limit=2)] == ["s-2", "s-1"]
    assert store.instances.counts("main") == {InstanceState.QUEUED: 2, InstanceState.FAILED: 1}
    assert store.instances.counts("gpu") == {}


def test_what_was_said_a_moment_ago_is_found_by_its_kind(store):
    said = Decision(DecisionKind.OUT_OF_MEMORY, "alice-1", "out of memory")
    store.ticks.record("main", [said, Decision(DecisionKind.EXPIRE, "bob-1", "over")], NOW)
    assert store.ticks.decided_since("main", DecisionKind.OUT_OF_MEMORY, NOW) == {"alice-1"}
    assert store.ticks.decided_since("main", DecisionKind.OUT_OF_MEMORY, later(1)) == set()


def test_the_last_configuration_of_a_pool_is_kept_and_replaced(store):
    assert store.configs.last("main") is None
    for config in ({"DD_MAX_HOSTS": 4}, {"DD_MAX_HOSTS": 7, "DD_IMAGES": ["lab:4"]}):
        store.configs.keep("main", config)
        assert store.configs.last("main") == config


def test_the_courses_of_a_pool_are_kept_beside_its_last_configuration_and_replaced(store):
    store.configs.keep("main", {"DD_MAX_HOSTS": 4})
    for courses in (
        [a_course("bio101"), a_course("chem2", users=frozenset({"ada"}))],
        [a_course("chem2", slots=9)],
        [],
    ):
        store.configs.keep_courses("main", courses)
        assert store.configs.courses("main") == courses
    assert store.configs.last("main") == {"DD_MAX_HOSTS": 4}
    assert store.configs.courses("gpu") == []


def test_a_pool_is_in_use_while_a_host_or_a_session_of_it_lives(store):
    claim_active(store)
    ask(store, pool="gpu")
    assert store.configs.pools_in_use() == ["gpu", "main"]
    store.instances.move("alice-1", InstanceState.FAILED, NOW)
    assert store.configs.pools_in_use() == ["main"]


def test_a_session_keeps_how_long_it_may_take_to_start(store):
    ask(store, start_timeout=3600)
    assert store.instances.get("alice-1").start_timeout == 3600


def test_when_a_host_was_configured_again_is_kept(store):
    claim_active(store)
    store.hosts.note_repair("main-01", NOW)
    assert store.hosts.get("main-01").repaired_at == NOW
