"""What is kept of a session without its names, in the transaction that ends it."""

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, text

from pool.sessions.visits import Visit
from pool.states import HostState, InstanceState
from pool.store.migrations import _config
from pool.store.pool_store import PoolStore
from tests.rigs.pool_data import NOW, a_blueprint, a_course, ask, claim, claim_active, later, place, run

pytestmark = pytest.mark.contract

LATER = later(9999)


def lose_room(store, name: str, at: int) -> None:
    ask(store, name)
    place(store, name, now=later(at))
    store.instances.move(name, InstanceState.QUEUED, later(at))


def lived(store, name: str, placed: int, ended: int, lost: int | None = None) -> None:
    if lost is None:
        ask(store, name)
    else:
        lose_room(store, name, lost)
    place(store, name, now=later(placed))
    run(store, name, later(placed), later(placed + 3600))
    for state in (InstanceState.STOPPING, InstanceState.DELETED, InstanceState.DELETED):
        store.instances.move(name, state, later(ended))


def test_a_session_that_ends_leaves_one_visit_with_what_it_waited_and_stayed(store):
    claim_active(store)
    lived(store, "alice-1", placed=40, ended=640)
    assert store.history.visits("main", NOW, LATER) == [Visit(NOW, 1, waited=40, stayed=600, allowed=3600)]


def test_a_session_that_never_got_room_leaves_a_visit_without_a_stay(store):
    ask(store)
    store.instances.move("alice-1", InstanceState.FAILED, later(900))
    assert store.history.visits("main", NOW, LATER) == [Visit(NOW, 1)]


def test_a_session_that_lost_its_room_waited_until_it_got_the_room_that_it_kept(store):
    claim_active(store)
    lived(store, "alice-1", placed=700, ended=900, lost=40)
    assert store.history.visits("main", NOW, LATER) == [Visit(NOW, 1, waited=700, stayed=200, allowed=3600)]


def test_a_session_that_lost_its_room_and_got_none_again_leaves_a_visit_without_a_stay(store):
    claim_active(store)
    lose_room(store, "alice-1", 40)
    store.instances.move("alice-1", InstanceState.FAILED, later(900))
    lose_room(store, "bob-1", 40)
    assert store.history.visits("main", NOW, LATER) == [Visit(NOW, 1), Visit(NOW, 1)]


def test_a_session_that_lives_counts_as_one_that_stays_as_long_as_it_may(store):
    claim_active(store)
    ask(store)
    place(store, now=later(10))
    run(store, "alice-1", later(20), later(3610))
    assert store.history.visits("main", NOW, later(60)) == [Visit(NOW, 1, waited=10, stayed=3600, allowed=3600)]


def test_visits_outlive_the_records_of_their_sessions_and_are_forgotten_by_a_time_of_their_own(store):
    claim_active(store)
    lived(store, "alice-1", placed=0, ended=60)
    assert store.instances.forget(LATER) == 1
    assert store.history.forget_visits(NOW) == 0
    assert len(store.history.visits("main", NOW, LATER)) == 1
    assert store.history.forget_visits(later(1)) == 1
    assert store.history.visits("main", NOW, LATER) == []


def test_a_visit_has_no_name_but_that_of_its_course(store, store_url):
    columns = {column["name"] for column in inspect(create_engine(store_url)).get_columns("visits")}
    assert columns == {"id", "pool", "at", "slots", "waited", "stayed", "allowed", "course"}


def test_the_visit_of_a_members_session_and_of_one_that_names_the_course_says_which_course_it_was_of(store):
    store.configs.keep("main", {})
    store.configs.keep_courses("main", [a_course(users=frozenset({"ada"}))])
    for name, user, options in (("a", "ada", {}), ("b", "bob", {"course": "bio101"}), ("c", "cyn", {})):
        store.instances.request(name, a_blueprint(), user, options, NOW)
    assert [visit.course for visit in store.history.visits("main", NOW, LATER)] == ["bio101", "bio101", ""]
    for name in "abc":
        store.instances.move(name, InstanceState.FAILED, NOW)
    assert [visit.course for visit in store.history.visits("main", NOW, LATER)] == ["bio101", "bio101", ""]


def test_boots_are_those_of_hosts_that_became_active(store):
    claim_active(store)
    host = claim(store, "run-2")
    store.hosts.move(host.name, HostState.CONFIGURING, later(60))
    store.hosts.move(host.name, HostState.ACTIVE, later(90))
    assert store.history.boots("main") == [0, 90]


def test_boots_are_in_the_order_in_which_hosts_were_spawned(store):
    slow, quick = claim(store, "run-1"), claim(store, "run-2")
    for host, seconds in ((quick, 40), (slow, 90)):
        store.hosts.move(host.name, HostState.CONFIGURING, later(seconds))
        store.hosts.move(host.name, HostState.ACTIVE, later(seconds))
    assert store.history.boots("main") == [90, 40]


def test_removals_are_those_of_hosts_that_were_active_and_are_gone(store):
    served, leaves, never = claim_active(store), claim_active(store, "run-2"), claim(store, "run-3")
    for host, begun in ((served, 20), (leaves, 10), (never, 0)):
        store.hosts.move(host.name, HostState.FAILED, later(begun))
        store.hosts.move(host.name, HostState.REMOVING, later(begun))
    assert store.history.removals("main") == []
    for host, over in ((never, 30), (served, 80)):
        store.hosts.move(host.name, HostState.REMOVED, later(over))
    assert store.history.removals("main") == [60]
    store.hosts.move(leaves.name, HostState.REMOVED, later(95))
    assert store.history.removals("main") == [60, 85]


def test_sessions_that_ended_before_the_upgrade_become_visits_too(database_url):
    engine, store = create_engine(database_url), PoolStore.open(database_url)
    with engine.begin() as connection:
        command.upgrade(_config(connection=connection), "0014")
        connection.execute(text(INSTANCE), {"now": NOW, "ended": later(700)})
        connection.execute(text(CHANGE), {"at": later(100)})
    store.upgrade()
    assert store.history.visits("main", NOW, LATER) == [Visit(NOW, 2, waited=100, stayed=600)]
    store.close()


INSTANCE = (
    'INSERT INTO instances (id, pool, blueprint, "user", state, slots, route, token, created_at, state_since, reason,'
    " options, proxy) VALUES ('alice-1', 'main', 'b', 'alice', 'deleted', 2, 'r', '', :now, :ended, '', '{}', '{}')"
)
CHANGE = (
    "INSERT INTO changes (at, noun, subject, pool, state, reason, host, told)"
    " VALUES (:at, 'instance', 'alice-1', 'main', 'starting', '', '', true)"
)
