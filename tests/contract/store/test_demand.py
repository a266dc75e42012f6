"""What a pool's sessions wanted and its hosts had, and the latest of what happened to several of them."""

import pytest

from pool.changes import Noun
from pool.decisions import Decision, DecisionKind
from pool.states import HostState, InstanceState
from pool.what_if.on_record import Span
from tests.rigs.pool_data import NOW, ask, claim, claim_active, later, place, run

pytestmark = pytest.mark.contract

SINCE, UNTIL = later(-3600), later(3600)


def test_a_session_waits_until_it_has_room_and_holds_it_until_now(store):
    claim_active(store)
    ask(store, slots=2)
    place(store, now=later(40))
    recorded = store.demand.recorded("main", SINCE, UNTIL)
    assert (recorded.waited, recorded.held) == ((Span(NOW, later(40), 2),), (Span(later(40), UNTIL, 2),))
    assert recorded.room == (Span(NOW, UNTIL, 6),)


def test_a_session_that_got_no_room_waited_until_it_was_given_up(store):
    ask(store)
    store.instances.move("alice-1", InstanceState.FAILED, later(900))
    recorded = store.demand.recorded("main", SINCE, UNTIL)
    assert (recorded.waited, recorded.held) == ((Span(NOW, later(900), 1),), ())


def test_what_was_over_before_and_what_is_another_pools_is_not_read(store):
    claim_active(store, pool="gpu", run="run-2")
    ask(store)
    store.instances.move("alice-1", InstanceState.FAILED, later(900))
    recorded = store.demand.recorded("main", later(901), UNTIL)
    assert (recorded.waited, recorded.held, recorded.room) == ((), (), ())


def test_a_host_that_drains_has_no_room(store):
    host = claim_active(store)
    store.hosts.drain(host.name, later(60), "a new kernel")
    assert store.demand.recorded("main", SINCE, UNTIL).room == (Span(NOW, later(60), 6),)


def test_the_latest_of_several_are_read_at_once_with_the_decisions_about_them(store):
    claim(store)
    store.hosts.move("main-01", HostState.CONFIGURING, later(5), reason="ssh answers")
    claim(store, "run-2")
    store.ticks.record("main", [Decision(DecisionKind.CONFIGURE, "main-01", "it is not done")], later(6))
    lives = store.history.latest(Noun.HOST, ["main-01", "main-02", "main-03"], each=1)
    assert [entry.what for entry in lives["main-01"]] == ["configuring", "tick 1 decided: configure"]
    assert [entry.what for entry in lives["main-02"]] == ["spawning"]
    assert "main-03" not in lives
    assert store.history.latest(Noun.HOST, [], each=1) == {}


def test_sessions_of_the_day_are_read_with_what_ran_before_it(store):
    claim_active(store)
    ask(store)
    place(store)
    run(store)
    assert store.demand.recorded("main", later(1800), UNTIL).held == (Span(NOW, UNTIL, 1),)
