"""A database that is away for some seconds, or is lost at a COMMIT: every call waits, and no write is made twice."""

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url

from pool.changes import Audience, Noun
from pool.decisions import Decision, DecisionKind
from pool.errors import DatabaseAway
from pool.states import EndCause, HostState, InstanceState
from pool.store import engine
from pool.store.outage import status_of
from pool.store.pool_store import PoolStore
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim, claim_active, later, place
from tests.rigs.present import present
from tests.rigs.services.databases import migrated_postgres
from tests.rigs.services.lossy_relay import Loss, lossy_relay
from tests.rigs.services.postgres import postgres_server

pytestmark = pytest.mark.contract

SECONDS_AWAY = 3


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of these tests' own: it is stopped under them."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def url(server):
    return server.copy_of(migrated_postgres(server))


@pytest.fixture
def stored(url):
    store = PoolStore.open(url)
    yield store
    store.close()


@pytest.fixture
def away(server):
    """The server, stopped as by a crash; it is started again at the end."""

    def until(seconds: float) -> None:
        time.sleep(seconds)
        server.start()

    with ThreadPoolExecutor(1) as threads:
        yield lambda seconds: (server.stop(), threads.submit(until, seconds))


def changes(store: PoolStore, subject: str = "alice-1") -> list[str]:
    return [change.state for noun in Noun for change in store.history.changes(noun, subject)]


def test_a_move_waits_for_a_server_that_is_stopped_and_started_again(stored, away):
    claim(stored)
    away(SECONDS_AWAY)
    began = time.monotonic()
    stored.hosts.move("main-01", HostState.CONFIGURING, later(9))
    assert time.monotonic() - began >= SECONDS_AWAY
    assert changes(stored, "main-01") == ["spawning", "configuring"]


def test_many_threads_wait_and_each_session_takes_its_room_once(stored, away):
    claim_active(stored, slots=6)
    names = [f"s-{number}" for number in range(6)]
    for name in names:
        ask(stored, name)
    away(SECONDS_AWAY)
    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(lambda name: place(stored, name), names))
    assert stored.hosts.get("main-01").reserved == 6


def test_a_server_that_stays_away_is_named_without_its_password(server, url):
    parsed = make_url(url).set(username="dd", password="hush")
    store = PoolStore.open(parsed.render_as_string(hide_password=False), wait_seconds=0.5)
    server.stop()
    try:
        with pytest.raises(
            DatabaseAway, match=rf"database {parsed.database} .* did not answer in 0 s: start it"
        ) as told:
            store.hosts.all()
        assert "hush" not in str(told.value)
    finally:
        server.start()
        store.close()


def test_a_table_that_is_missing_is_told_at_once(server):
    store = PoolStore.open(server.new_database())
    began = time.monotonic()
    with pytest.raises(Exception, match='relation "hosts" does not exist'):
        store.hosts.all()
    assert time.monotonic() - began < 20
    store.close()


def test_a_user_that_the_server_does_not_know_is_told_at_once(url):
    store = PoolStore.open(make_url(url).set(username="nobody").render_as_string())
    with pytest.raises(Exception, match='role "nobody" does not exist'):
        store.hosts.all()
    store.close()


@pytest.fixture
def relay(server):
    with lossy_relay(server.socket) as relay:
        yield relay


@pytest.fixture
def relayed(relay, url):
    """The store behind a relay, with a host of six slots and alice's session in the queue, all told."""
    through = make_url(url).set(query={}, host="127.0.0.1", port=relay.port)
    store = PoolStore.open(through.render_as_string(), wait_seconds=20)
    claim_active(store)
    ask(store)
    store.history.claim_untold()
    yield store
    store.close()


def found_by(store: PoolStore, result: object) -> tuple:
    """What a call returned, and what it left: the same, whatever was lost on the way."""
    left = (store.hosts.all(), [(one.id, one.state, one.placement) for one in store.instances.all()])
    told = [(c.noun, c.subject, c.state) for c in store.history.unpublished(Audience.PLATFORM)]
    ticks = [(one.tick, one.decision.kind) for one in store.ticks.decisions()]
    return (result, left, told, ticks, store.leases.holders(["tick"], NOW))


WRITES: dict[str, Callable[[PoolStore], object]] = {
    "claim of a host": lambda store: claim(store, "run-2"),
    "move of a host": lambda store: store.hosts.move("main-01", HostState.DRAINING, later(9), "old"),
    "drain": lambda store: store.hosts.drain("main-01", later(9), "new kernel"),
    "count of an error": lambda store: store.hosts.count_error("main-01", "no answer", NOW),
    "request": lambda store: store.instances.request("bob-1", a_blueprint(), "bob", {}, NOW)[1],
    "room": lambda store: present(place(store)).placement,
    "end of a session": lambda store: (
        store.instances.move("alice-1", InstanceState.FAILED, NOW, cause=EndCause.NO_ROOM).state
    ),
    "lease": lambda store: store.leases.take("tick", "run-1", 60, NOW),
    "tick": lambda store: store.ticks.record("main", [Decision(DecisionKind.WAIT, "main", "full")], NOW),
}


LOSSES = pytest.mark.parametrize("loss", [Loss.COMMIT, Loss.ANSWER], ids=["commit", "answer"])


@LOSSES
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_whose_commit_is_lost_is_made_once(server, url, relay, relayed, write, loss):
    relayed.close()  # no client may be connected to what is copied
    other = PoolStore.open(server.copy_of(url))
    wanted = found_by(other, write(other))
    other.close()
    relay.loses = loss
    assert found_by(relayed, write(relayed)) == wanted
    assert relay.lost == 1


@LOSSES
def test_changes_whose_claim_is_lost_at_its_commit_are_the_claimers(relay, relayed, loss):
    ask(relayed, "carol-1")
    relay.loses = loss
    assert [change.subject for change in relayed.history.claim_untold()] == ["carol-1"]
    assert relayed.history.claim_untold() == []


def test_a_server_that_never_heard_of_a_transaction_does_not_say_what_became_of_it(url):
    with create_engine(url).connect() as connection:
        assert status_of(connection, 2**40) is None


def commit_later(connection: sqlite3.Connection) -> None:
    time.sleep(1.5)
    connection.execute("COMMIT")


def test_a_locked_file_is_waited_for_longer_than_one_try(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.2)
    store = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}", wait_seconds=20)
    store.upgrade()
    with sqlite3.connect(tmp_path / "pool.sqlite", isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as threads:
            threads.submit(commit_later, other)
            assert claim(store).name == "main-01"
    store.close()


def test_a_file_that_stays_locked_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "LOCK_WAIT", 0.1)
    store = PoolStore.open(f"sqlite:///{tmp_path / 'pool.sqlite'}", wait_seconds=0.5)
    store.upgrade()
    with sqlite3.connect(tmp_path / "pool.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseAway, match=r"pool\.sqlite .*database is locked"):
            claim(store)
    store.close()


def test_a_kept_connection_that_the_server_ended_costs_no_call(stored, server, caplog):
    claim(stored)  # a connection is kept, and known to be there
    server.stop()
    server.start()
    assert stored.hosts.get("main-01").name == "main-01"
    assert not caplog.records, "it was seen by its socket: no call was made again"
