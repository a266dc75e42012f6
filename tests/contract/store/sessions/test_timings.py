"""When sessions came through the phases of their start, kept by the moves themselves, on both databases."""

import pytest

from pool.changes import Audience
from pool.errors import RefusedMove
from pool.sessions.timings import Phase
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim_active, later, place

pytestmark = pytest.mark.contract

MADE = {Phase.TURN: later(3), Phase.CREATED: later(4), Phase.STARTED: later(5), Phase.ANSWERING: later(6)}


def starting(store) -> None:
    """A session that was accepted at 0 s, picked up at 1 s, and has room since 2 s."""
    claim_active(store)
    store.instances.request("alice-1", a_blueprint(), "alice", {}, later(1), accepted=NOW)
    place(store, now=later(2))


def running(store) -> None:
    starting(store)
    store.instances.begin_to_run("alice-1", later(5), later(3600), MADE)


def tell(store, now) -> None:
    ids = [change.id for change in store.history.unpublished(Audience.PLATFORM)]
    store.history.mark_published(Audience.PLATFORM, ids, now)


def test_a_session_has_a_moment_for_each_phase(store):
    running(store)
    store.timings.note_first("alice-1", Phase.ROUTED, later(7))
    tell(store, later(8))
    assert store.timings.of("alice-1") == {phase: later(seconds) for seconds, phase in enumerate(Phase)}


def test_the_first_moment_of_a_route_stays_and_so_does_that_of_telling(store):
    running(store)
    for seconds in (6, 60):
        store.timings.note_first("alice-1", Phase.ROUTED, later(seconds))
        tell(store, later(seconds))
    moments = store.timings.of("alice-1")
    assert (moments[Phase.ROUTED], moments[Phase.TOLD]) == (later(6), later(6))


def test_the_requests_of_a_blueprint_within_a_span_are_found_in_their_order(store):
    for name, at, pool in [("a-1", 9, "main"), ("a-2", 3, "main"), ("a-3", 10, "main"), ("a-4", 5, "gpu")]:
        store.instances.request(name, a_blueprint(pool=pool), "alice", {}, later(at), accepted=later(at))
    store.instances.request("b-1", a_blueprint(name="rstudio"), "bob", {}, later(5), accepted=later(5))
    assert store.timings.accepted_within("main", "jupyter", (later(3), later(10))) == [later(3), later(9)]


def test_that_it_waits_is_not_that_it_runs(store):
    starting(store)
    tell(store, later(7))
    assert Phase.TOLD not in store.timings.of("alice-1")


def test_a_session_that_is_tried_on_another_host_begins_anew_from_its_room_on(store):
    running(store)
    store.instances.request("bob-1", a_blueprint(), "bob", {}, later(1), accepted=NOW)
    place(store, "bob-1", now=later(2))
    store.timings.note_first("bob-1", Phase.CREATED, later(3))
    store.instances.move("bob-1", InstanceState.QUEUED, later(8))
    place(store, "bob-1", now=later(9))
    assert list(store.timings.of("bob-1").items())[2:] == [(Phase.ROOM, later(9))]


def test_beginning_to_run_forgives_the_host_and_happens_once(store):
    starting(store)
    store.hosts.count_error("main-01", "it did not answer", NOW)
    first = store.instances.begin_to_run("alice-1", later(5), later(3600), MADE)
    assert store.instances.begin_to_run("alice-1", later(50), later(9999), {}) == first
    assert (first.state, first.expires_at) == (InstanceState.RUNNING, later(3600))
    assert store.hosts.get("main-01").errors == 0


def test_a_session_that_is_being_ended_does_not_begin_to_run(store):
    starting(store)
    store.instances.move("alice-1", InstanceState.STOPPING, later(3))
    with pytest.raises(RefusedMove, match="cannot go from stopping to running"):
        store.instances.begin_to_run("alice-1", later(5), later(3600), MADE)
    assert Phase.ANSWERING not in store.timings.of("alice-1")


def test_sessions_are_found_by_when_they_were_accepted_with_blueprint_and_last_host(store):
    running(store)
    store.instances.move("alice-1", InstanceState.FAILED, later(9))
    store.instances.request("bob-1", a_blueprint(), "bob", {}, later(61), accepted=later(60))
    found = [(one.instance, one.blueprint, one.host) for one in store.timings.since(NOW)]
    assert found == [("alice-1", "jupyter", "main-01"), ("bob-1", "jupyter", "")]
    assert [one.instance for one in store.timings.since(later(60))] == ["bob-1"]
    assert [one.instance for one in store.timings.since(later(60), "main")] == ["bob-1"]
    assert store.timings.since(NOW, "gpu") == []


def test_starts_are_found_by_when_they_were_told_oldest_first_and_by_pool(store):
    running(store)
    store.instances.request("bob-1", a_blueprint(), "bob", {}, later(1), accepted=NOW)
    tell(store, later(8))
    assert [(one.instance, one.pool) for one in store.timings.told_since(later(8), NOW)] == [("alice-1", "main")]
    assert store.timings.told_since(later(9), NOW) == store.timings.told_since(later(8), later(1)) == []


def test_timings_go_with_the_record_of_their_session(store):
    running(store)
    store.instances.move("alice-1", InstanceState.FAILED, later(9))
    store.instances.forget(later(10))
    assert (store.timings.of("alice-1"), store.timings.since(NOW)) == ({}, [])


def test_a_session_that_is_older_than_the_table_has_none(store):
    assert store.timings.of("alice-1") == {}
    ask(store)
    assert list(store.timings.of("alice-1")) == [Phase.PICKED_UP]
