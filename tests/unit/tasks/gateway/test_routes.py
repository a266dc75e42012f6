"""Routes follow the records: what is looked at before the gateway's lock is held may be over when it is."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from pool.errors import DatabaseAway, GatewayTrouble
from pool.records import Instance, ProxyOptions, Route
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from tasks.gateway.routes import publish_route, repair_routes, routes_differ
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.pool_data import run as begin_to_run
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class TableInMemory(Gateway):
    """The real client with its real snapshot, and a table that runs what happens while it waits for the lock."""

    def __init__(self, folder) -> None:
        super().__init__(folder / "admin.socket", folder / "routes.json")
        self.table: dict[str, dict] = {}
        self.requests: list[str] = []
        self.before_the_lock: Callable[[], None] = lambda: None
        vars(self._snapshot)["locked"] = self._overtaken(self._snapshot.locked)

    def _overtaken(self, locked):
        def lock():
            act, self.before_the_lock = self.before_the_lock, lambda: None
            act()
            return locked()

        return lock

    def _ask(self, method: str, path: str, body: Any = None, seconds: float = 0) -> Any:
        self.requests.append(method)
        if method == "PUT" and path == "/routes":
            self.table = {record["id"]: record for record in body}
        elif method == "PUT":
            self.table[body["id"]] = body
        elif method == "DELETE":
            self.table.pop(path.rsplit("/", 1)[1], None)
        return {"count": len(self.table), "routes": [*self.table.values()]}


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    store.hosts.note("main-01", address="10.0.0.5")
    yield store
    store.close()


@pytest.fixture
def gateway(tmp_path, store):
    gateway = TableInMemory(tmp_path)
    with standing_in(fake_outside(store=store, gateway=gateway)):
        yield gateway


def run(store: PoolStore, instance_id: str, **blueprint) -> Instance:
    ask(store, instance_id, **blueprint)
    place(store, instance_id)
    return begin_to_run(store, instance_id)


def end(store: PoolStore, gateway: Gateway, session: Instance) -> None:
    store.instances.move(session.id, InstanceState.STOPPING, NOW)
    gateway.remove_route(session.route)
    store.instances.move(session.id, InstanceState.DELETED, NOW)


def repair() -> str:
    return asyncio.run(repair_routes.fn())


def test_a_session_that_ends_while_the_repair_waits_for_the_lock_gets_no_route(store, gateway):
    alice, bob = run(store, "alice-1"), run(store, "bob-1")
    gateway.before_the_lock = lambda: end(store, gateway, alice)
    repair()
    assert gateway.table.keys() == {bob.route}


def test_a_session_that_ends_before_its_route_is_published_gets_none(store, gateway):
    alice = run(store, "alice-1")
    gateway.before_the_lock = lambda: end(store, gateway, alice)
    asyncio.run(publish_route.fn(alice))
    assert not gateway.table


def test_a_token_that_is_replaced_while_the_repair_waits_for_the_lock_stays_the_one_that_is_presented(store, gateway):
    alice = run(store, "alice-1", proxy=ProxyOptions(auth_header="token {token}"))

    def rotate() -> None:
        asyncio.run(publish_route.fn(store.instances.renew_token(alice, "another")))

    gateway.before_the_lock = rotate
    repair()
    assert gateway.table[alice.route]["token_header"] == "token another"


def test_a_session_that_comes_back_from_a_move_while_the_repair_waits_for_the_lock_keeps_its_route(store, gateway):
    ask(store, "alice-1")
    alice = present(place(store, "alice-1"))
    gateway.table = {alice.route: asdict(Route(alice.route, "10.0.0.9", 20009))}  # where it was before
    gateway.before_the_lock = lambda: asyncio.run(publish_route.fn(begin_to_run(store, "alice-1")))
    repair()
    assert gateway.table[alice.route]["address"] == "10.0.0.5"


def test_a_running_session_without_a_route_gets_it_and_a_route_without_a_session_goes(store, gateway):
    bob = run(store, "bob-1")
    gateway.table = {"of-no-session": asdict(Route("of-no-session", "10.0.0.5", 20009))}
    assert repair() == "1 route added, 1 removed"
    assert gateway.table.keys() == {bob.route}
    assert repair() == ""


def test_a_route_is_the_same_whether_one_session_is_published_or_all_are_compared(store, gateway):
    proxy = ProxyOptions(strip_prefix=True, max_upload_mb=64, auth_header="Bearer {token}", sign_in="open")
    alice = run(store, "alice-1", proxy=proxy)
    asyncio.run(publish_route.fn(alice))
    assert gateway.table[alice.route]["token_header"] == f"Bearer {alice.token}"
    assert not asyncio.run(routes_differ.fn())


def test_a_full_disk_is_the_gateways_trouble_in_one_sentence(store, gateway, monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    alice = run(store, "alice-1")
    monkeypatch.setattr(tempfile, "mkstemp", full)
    with pytest.raises(GatewayTrouble, match=r"snapshot .*routes.json cannot be written: No space left on device"):
        gateway.add_route(Route(alice.route, "10.0.0.5", alice.get_placement().port))


def test_the_port_of_an_ended_session_is_not_the_next_ones(store, gateway):
    alice = run(store, "alice-1")
    end(store, gateway, alice)
    assert run(store, "bob-1").get_placement().port == alice.get_placement().port + 1


def test_a_gateway_that_lost_its_table_is_given_all_of_it_in_one_step(store, gateway):
    routes = {run(store, f"alice-{number}").route for number in range(3)}
    asked = gateway.requests = []
    assert repair() == "3 routes added, 0 removed"
    assert (gateway.table.keys(), asked.count("PUT")) == (routes, 1)


def test_a_database_that_is_away_when_the_route_is_live_turns_no_running_session_into_a_failure(
    store, gateway, monkeypatch
):
    def away(*_):
        raise DatabaseAway("the pool's database is away")

    alice = run(store, "alice-1")
    monkeypatch.setattr(store.timings, "note_first", away)
    asyncio.run(publish_route.fn(alice))
    assert gateway.table.keys() == {alice.route}
