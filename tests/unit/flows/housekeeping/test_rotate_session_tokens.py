"""Tokens of sessions that run, rotated on programs of paper: no request is turned away, wherever the run is killed."""

import asyncio
import io
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.containers.state import ContainerState
from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from flows.housekeeping.rotate_secrets import rotate_secrets
from flows.steps import session_tokens
from pool.errors import EngineTrouble, HostUnreachable
from pool.keys.rotation import RotatedKey
from pool.keys.session_tokens import TOKENS_FILE
from pool.records import Instance, ProxyOptions, Route
from pool.states import InstanceState
from pool.store.pool_store import PoolStore
from tasks.gateway.routes import publish_route, route_of
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, place, run
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

LABELS = {"dockerdriver.tokens": TOKENS_FILE}
SENT = ProxyOptions(auth_header="token {token}")


class Died(BaseException):
    """The process was killed."""


class Life:
    """How many steps are left until the process is killed; each calls the check that must hold after it."""

    def __init__(self) -> None:
        self.left, self.check = 10_000, lambda: None

    def step(self) -> None:
        self.check()
        self.left -= 1
        if not self.left:
            raise Died


@dataclass
class Program:
    """What runs in a session's container."""

    accepted: list[str]
    labels: dict[str, str] = field(default_factory=dict)
    read_only: bool = False


class PaperEngine(HostEngine):
    """Programs that read the file of tokens at each request."""

    def __init__(self, life: Life) -> None:
        self.programs: dict[str, Program] = {}
        self.away, self._life = False, life

    def find(self, name: str) -> ContainerState | None:
        if self.away:
            raise HostUnreachable("host main-01: the engine could not look")
        found = self.programs.get(name)
        return ContainerState(name, name, "", "running", 0, found.labels, not found.read_only) if found else None

    def write_files(self, container: str, tar: Iterable[bytes]) -> None:
        self._life.step()
        if self.programs[container].read_only:
            raise EngineTrouble("container rootfs is marked read-only")
        with tarfile.open(fileobj=io.BytesIO(b"".join(tar))) as archive:
            said = present(archive.extractfile(TOKENS_FILE.strip("/"))).read().decode()
        self.programs[container].accepted = said.split()
        self._life.step()


class PaperGateway(Gateway):
    """A table."""

    def __init__(self, life: Life) -> None:
        self.table: dict[str, Route] = {}
        self._life = life

    def add_route(self, route, still_holds=lambda: True) -> bool:
        self._life.step()
        if published := still_holds():
            self.table[route.id] = route
        self._life.step()
        return published

    def change_routes(self, add, remove, that_hold=lambda routes: routes) -> None:
        self.table |= {route.id: route for route in that_hold(add)}
        self._life.step()

    def list_routes(self) -> list[Route]:
        return list(self.table.values())


class Installation:
    """Sessions that run, and the flow on them."""

    def __init__(self, store: PoolStore) -> None:
        self.store, self.life = store, Life()
        self.engine, self.gateway = PaperEngine(self.life), PaperGateway(self.life)
        ports = {"store": store, "engines": OneEngine(self.engine), "gateway": self.gateway}
        self.door = fake_outside(**ports)

    def session(self, name: str, **labels: str) -> Instance:
        ask(self.store, name, proxy=SENT)
        place(self.store, name)
        running = run(self.store, name)
        self.engine.programs[running.container] = Program([running.token], labels)
        self.gateway.table[running.route] = route_of(running, self.store.hosts.get("main-01"))
        return running

    def rotate(self, **options: Any) -> str:
        with standing_in(self.door):
            return asyncio.run(rotate_secrets.fn([RotatedKey.TOKENS], **options)).message

    def token(self, name: str) -> str:
        return self.store.instances.get(name).token

    def check_opens(self) -> None:
        """What the gateway presents is what each program accepts."""
        for one in self.store.instances.all(states=[InstanceState.RUNNING]):
            presented = self.gateway.table[one.route].token_header.removeprefix("token ")
            assert presented in self.engine.programs[one.container].accepted


@pytest.fixture
def one(tmp_path, monkeypatch):
    monkeypatch.setattr(session_tokens, "UNDER_WAY_SECONDS", 0)
    store = new_store(tmp_path)
    host = claim_active(store)
    store.hosts.note(host.name, address="10.0.0.1")
    it = Installation(store)
    it.life.check = it.check_opens
    yield it
    store.close()


def test_each_program_accepts_a_new_token_alone_which_the_gateway_presents_and_sql_has(one):
    before = [one.session(name, **LABELS) for name in ("ada-1", "bob-1")]
    assert one.rotate() == "session-tokens: 2 are new"
    for session in before:
        token = one.token(session.id)
        assert token != session.token
        assert one.engine.programs[session.container].accepted == [token]
        assert one.gateway.table[session.route].token_header == f"token {token}"


def test_a_program_that_reads_no_other_token_keeps_its_own_and_is_named(one):
    session = one.session("rstudio-1")
    assert one.rotate() == "session-tokens: 0 are new; those of rstudio-1 stay until these end"
    assert one.token("rstudio-1") == session.token
    assert one.door.prefect.tables["session-tokens"][0]["outcome"] == "kept until it ends"


def test_a_session_into_which_nothing_can_be_put_keeps_its_token_and_the_rotation_ends(one):
    session = one.session("kiosk-1", **LABELS)
    one.engine.programs[session.container].read_only = True
    assert one.rotate() == "session-tokens: 0 are new; those of kiosk-1 stay until these end"
    assert one.token("kiosk-1") == session.token


def test_a_run_killed_at_any_step_turns_no_request_away_and_the_next_one_ends_every_old_token(one):
    session = one.session("ada-1", **LABELS)
    steps = 0
    while True:
        steps, one.life.left = steps + 1, steps + 1
        with suppress(Died):
            one.rotate()
            break
        one.life.left = 10_000
        one.check_opens()
        one.rotate()
        token = one.token("ada-1")
        assert one.engine.programs[session.container].accepted == [token]
        assert one.gateway.table[session.route].token_header == f"token {token}"
    assert steps > 5


def test_a_host_that_is_away_keeps_no_other_session_from_a_new_token_and_is_named(one):
    session = one.session("ada-1", **LABELS)
    one.engine.away = True
    assert one.rotate().startswith("session-tokens: 0 are new; rotate them again for ada-1: host main-01: the engine")
    assert one.token("ada-1") == session.token


def test_a_session_that_ends_meanwhile_is_left_alone(one):
    session = one.session("ada-1", **LABELS)
    del one.engine.programs[session.container]
    assert one.rotate() == "session-tokens: 0 are new"
    assert one.token("ada-1") == session.token


def test_a_session_that_moves_while_its_program_is_told_keeps_the_token_that_it_takes_along(one, monkeypatch):
    session = one.session("ada-1", **LABELS)
    monkeypatch.setattr(
        one.engine, "write_files", lambda *_: one.store.instances.move("ada-1", InstanceState.STOPPING, NOW)
    )
    assert one.rotate() == "session-tokens: 0 are new"
    assert one.token("ada-1") == session.token


def test_there_is_nothing_to_retire(one):
    one.session("ada-1", **LABELS)
    assert one.rotate(retire=True) == "session-tokens: there is nothing to retire"


def test_a_route_that_was_read_before_the_token_changed_is_not_published_after_it(one):
    stale = one.session("ada-1", **LABELS)
    one.rotate()
    with standing_in(one.door):
        asyncio.run(publish_route(stale))
    one.check_opens()
