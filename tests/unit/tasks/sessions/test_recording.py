"""One instance_id is one request: what the same one is answered with, and another one."""

import asyncio
from collections.abc import Callable

import pytest

from blocks.engine.client import HostEngine
from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound, Refused, TooManySessions
from pool.records import ContainerSpec, Image, Instance
from tasks.sessions.containers import start_container
from tasks.sessions.requests import record_instance
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import FakeBlocks, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

JUPYTER = Blueprint(image="jupyter", port=8888)
SAME = {"blueprint": "jupyter", "user": "alice", "options": {"lifetime": 60}}


class NotingEngine(HostEngine):
    """Every host's engine, which runs nothing and keeps what it was asked to run."""

    def __init__(self) -> None:
        self.made: list[ContainerSpec] = []

    def run(self, spec: ContainerSpec, created: Callable[[], None] = lambda: None, prepared: str = "") -> str:
        self.made.append(spec)
        return spec.name


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    blocks = FakeBlocks({PoolConfig: {"main": PoolConfig()}, Blueprint: {"jupyter": JUPYTER, "rstudio": JUPYTER}})
    with standing_in(fake_outside(store=store, stored=blocks, engines=OneEngine(NotingEngine()))) as door:
        yield door
    store.close()


def record(instance_id: str = "alice-1", **asked) -> Instance:
    return asyncio.run(record_instance.fn(instance_id, **SAME | asked))[0]


def test_the_same_request_gives_the_same_session(door):
    assert record() == record()


def test_the_same_request_is_answered_when_its_blueprint_and_its_pool_have_no_block_any_more(door):
    session = record()
    door.stored.blocks = {}
    assert record() == session
    with pytest.raises(NotFound):
        record("alice-2")


def test_a_user_is_the_same_one_whether_accents_come_with_their_letters_or_apart(door):
    session = record(user="Ce\u0301line")
    assert session.user == "C\u00e9line"
    assert record(user="C\u00e9line") == session
    assert door.store.instances.found(user="Ce\u0301line") == [session]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"user": "bob"}, "user 'alice', not 'bob'"),
        ({"blueprint": "rstudio"}, "blueprint 'jupyter', not 'rstudio'"),
        ({"options": {}}, "other values of the options lifetime"),
        (
            {"options": {"lifetime": 60, "environment": {"KEY": "hidden"}}},
            "other values of the options environment",
        ),
    ],
)
def test_another_request_with_the_same_id_is_refused_by_what_differs_and_the_session_stays_as_it_is(door, other, said):
    session = record()
    with pytest.raises(Refused, match=rf"^instance alice-1 was asked for with {said}: it stays as it is;"):
        record(**other)
    assert door.store.instances.get("alice-1") == session


def test_of_two_other_requests_with_one_id_that_come_at_once_the_later_one_is_refused(door):
    door.stored.blueprint = lambda name: (ask(door.store), a_blueprint(name=name))[1]  # the first comes in between
    with pytest.raises(Refused, match="user 'alice', not 'bob'"):
        record(user="bob", options={})


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"slots": 24}, "it needs 24 slots now, 1 then"),
        ({"gpus": 1}, "it needs 1 GPUs now, 0 then"),
        ({"pool": "gpu"}, "it is of pool gpu now, main then"),
    ],
)
def test_a_session_is_not_started_by_a_blueprint_that_outgrew_its_room(door, now, said):
    claim_active(door.store)
    ask(door.store)
    with pytest.raises(Refused, match=rf"^blueprint jupyter was changed since instance alice-1 was asked for: {said}"):
        asyncio.run(start_container.fn(present(place(door.store)), a_blueprint(**now)))


def test_one_session_more_than_its_pool_allows_a_user_is_refused_and_another_user_is_not(door):
    door.stored.blocks[PoolConfig]["main"].DD_MAX_SESSIONS_PER_USER = 1
    record()
    with pytest.raises(TooManySessions, match=r"user 'alice' has 1 session of pool main \(alice-1\)"):
        record("alice-2")
    assert record("bob-1", user="bob").user == "bob"


def test_one_session_more_than_its_blueprint_allows_is_refused(door):
    door.stored.blocks[Blueprint]["jupyter"] = JUPYTER.model_copy(update={"max_sessions": 1})
    record()
    with pytest.raises(TooManySessions, match="blueprint jupyter has 1 session, and may have 1"):
        record("bob-1", user="bob")
    assert record("bob-2", user="bob", blueprint="rstudio").blueprint == "rstudio"


def test_a_session_begins_in_the_time_zone_that_its_pool_had_at_the_last_tick(door):
    claim_active(door.store)
    door.store.images.mark("main-01", "sha256:a", now=NOW)
    door.store.configs.keep("main", PoolConfig(DD_TIMEZONE="Europe/Berlin").as_kept())
    record()
    asyncio.run(start_container.fn(present(place(door.store)), a_blueprint()))
    assert door.engines.engine.made[0].environment["TZ"] == "Europe/Berlin"
