"""What the open pages of sessions are told by, as SQL keeps it: extensions by users, messages of operators."""

from dataclasses import replace

import pytest

from pool.errors import NotFound
from pool.open_pages.messages import Level, Scope, SessionMessage
from pool.sessions.routing import RoutedSession
from tests.rigs.pool_data import NOW, ask, claim_active, later, place, run

pytestmark = pytest.mark.contract

MESSAGE = SessionMessage(Scope.ALL, "", "It stops at six.", Level.WARNING, NOW, later(600))


@pytest.fixture
def session(store):
    claim_active(store)
    ask(store, extend_by=1800, extensions=2, idle_timeout=900)
    place(store)
    return run(store)


def test_a_request_extends_a_session_once_however_often_it_is_heard(store, session):
    extended = store.instances.extend_for_user(session.id, later(3100), later(3110))
    assert (extended.expires_at, extended.extensions) == (later(4900), 1)
    assert store.instances.extend_for_user(session.id, later(3100), later(3140)) is None
    assert store.instances.get(session.id) == extended


def test_the_history_says_that_the_user_did_it(store, session):
    store.instances.extend_for_user(session.id, later(3100), later(3110))
    assert "by its user" in store.instances.get(session.id).reason


def test_when_all_extensions_are_used_the_session_ends_at_its_time(store, session):
    for at in (3100, 4800):
        assert store.instances.extend_for_user(session.id, later(at), later(at))
    assert store.instances.extend_for_user(session.id, later(6500), later(6500)) is None
    assert store.instances.get(session.id).expires_at == later(6600)


def test_a_request_from_the_future_counts_as_one_from_now(store, session):
    extended = store.instances.extend_for_user(session.id, later(10**8), later(3100))
    assert extended.expires_at == later(4900)


def test_a_session_that_never_was_is_not_found(store):
    with pytest.raises(NotFound):
        store.instances.extend_for_user("bob-1", NOW, NOW)


def test_the_routes_of_a_pool_know_what_the_pages_are_told(store, session):
    (routed,) = store.instances.routed("main")
    assert routed == RoutedSession.of(session)
    assert (routed.expires_at, routed.idle_timeout, routed.extend_by, routed.extensions) == (later(3600), 900, 1800, 2)


def test_sessions_are_found_by_their_routes(store, session):
    assert store.instances.of_routes([session.route, "another"]) == [session]


def test_the_deadline_of_a_drain_is_known_by_its_host(store, session):
    assert store.hosts.deadlines() == {}
    store.hosts.drain("main-01", NOW, "asked for", later(600))
    assert store.hosts.deadlines() == {"main-01": later(600)}


def test_a_message_is_said_until_its_time_is_over_and_then_forgotten(store):
    store.messages.put(MESSAGE)
    assert store.messages.current(later(599)) == [MESSAGE]
    assert store.messages.current(later(600)) == []
    assert (store.messages.delete_expired(later(600)), store.messages.delete_expired(later(600))) == (1, 0)


def test_a_later_message_to_the_same_is_in_the_place_of_the_earlier_one(store):
    store.messages.put(MESSAGE)
    store.messages.put(later_one := replace(MESSAGE, words="It stops at seven.", level=Level.INFO))
    assert store.messages.current(NOW) == [later_one]


def test_a_message_is_taken_back_and_others_stay(store):
    store.messages.put(MESSAGE)
    store.messages.put(of_host := replace(MESSAGE, scope=Scope.HOST, subject="main-01"))
    store.messages.withdraw(Scope.ALL, "")
    store.messages.withdraw(Scope.ALL, "")
    assert store.messages.current(NOW) == [of_host]
