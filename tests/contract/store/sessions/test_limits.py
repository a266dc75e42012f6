"""Limits on the number of sessions in the store, on SQLite and on PostgreSQL."""

import pytest

from pool.errors import TooManySessions
from pool.sessions.limits import SessionLimit
from pool.sessions.requests import Wanted
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract

ONE_EACH = SessionLimit(1, pool="main", user="ada")
THREE = SessionLimit(3, pool="main")
TWO_OF_BLUEPRINT = SessionLimit(2, blueprint="jupyter")


def ask(store, instance_id: str, *limits: SessionLimit, user: str = "ada", **blueprint):
    return store.instances.request(instance_id, a_blueprint(**blueprint), user, {}, NOW, limits)


def test_one_more_than_the_limit_is_refused_and_nothing_of_it_is_recorded(store):
    ask(store, "ada-1", ONE_EACH)
    with pytest.raises(TooManySessions, match=r"^user 'ada' has 1 session of pool main \(ada-1\), and may have 1"):
        ask(store, "ada-2", ONE_EACH)
    assert [one.id for one in store.instances.all()] == ["ada-1"]


def test_sessions_of_others_of_another_pool_and_those_that_are_over_do_not_count(store):
    ask(store, "bob-1", user="bob")
    ask(store, "ada-gpu", pool="gpu")
    ask(store, "ada-0")
    store.instances.move("ada-0", InstanceState.FAILED, NOW)
    assert ask(store, "ada-1", ONE_EACH)[1]


def test_one_that_is_being_ended_makes_way_for_the_next(store):
    claim_active(store)
    ask(store, "ada-1")
    place(store, "ada-1")
    store.instances.move("ada-1", InstanceState.STOPPING, NOW)
    assert ask(store, "ada-2", ONE_EACH)[1]


def test_a_request_that_is_known_is_answered_though_the_limit_is_reached(store):
    session, _ = ask(store, "ada-1", ONE_EACH)
    assert ask(store, "ada-1", ONE_EACH) == (session, False)


def test_of_many_requests_of_a_user_at_once_as_many_as_allowed_are_let_in(store):
    asked = at_once(12, lambda number: ask(store, f"ada-{number}", ONE_EACH, THREE))
    assert sum(isinstance(one, TooManySessions) for one in asked) == 11
    assert len(store.instances.all()) == 1


def test_of_many_requests_of_many_users_at_once_no_limit_is_passed(store):
    def one(number: int):
        limits = (SessionLimit(1, pool="main", user=f"u{number}"), TWO_OF_BLUEPRINT, THREE)
        return ask(store, f"s-{number}", *limits[:: 1 if number % 2 else -1], user=f"u{number}")

    asked = at_once(16, one)
    assert sum(isinstance(one, TooManySessions) for one in asked) == 14
    assert len(store.instances.all()) == 2


def test_one_request_that_comes_many_times_at_once_is_one_session(store):
    asked = at_once(8, lambda _: ask(store, "ada-1", ONE_EACH))
    assert {instance.id for instance, _ in asked} == {"ada-1"}
    assert sum(made for _, made in asked) == 1


def test_of_a_class_that_is_asked_for_by_one_request_as_many_as_allowed_are_recorded_in_their_order(store):
    wanted = [Wanted(f"s-{number}", "") for number in (3, 1, 2, 0)]
    recorded, refused = store.instances.request_all(wanted, a_blueprint(), {}, NOW, lambda user: [THREE])
    assert [one.id for one in store.instances.queue("main")] == [one.id for one in recorded] == ["s-3", "s-1", "s-2"]
    assert list(refused) == ["s-0"]
