"""Secrets of sessions from the request to the container: where their values are, and where not."""

import asyncio
import io
import sqlite3
import tarfile
from datetime import timedelta
from inspect import unwrap
from typing import Any

import pytest
from prefect.blocks.system import Secret

from blocks.engine.client import HostEngine
from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.pool_config import PoolConfig
from flows.sessions.provision_instances import provision_instances
from flows.steps.sessions import done_with_secrets
from pool.errors import BadRequest, Refused
from pool.records import ContainerSpec, Image
from tasks.sessions.requests import record_instance
from tasks.sessions.secrets import drop_left_secrets, put_secrets, secrets_are_left
from tests.rigs.fakes import Blocks, FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, claim_active
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

VALUE = "Correct-Horse-Battery"
JUPYTER = Blueprint(image="jupyter", port=8888, container_user="session:1000")


class Engine(HostEngine):
    """Keeps the tar that is written into a container."""

    def __init__(self) -> None:
        """It is on no machine."""

    def write_files(self, container: str, tar) -> None:
        self.container, self.tar = container, b"".join(tar)

    @property
    def files(self) -> dict[str, tuple[str, int, int]]:
        with tarfile.open(fileobj=io.BytesIO(self.tar)) as tar:
            return {one.name: (oct(one.mode), one.uid, one.gid) for one in tar}


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    store.images.mark(claim_active(store).name, "sha256:a", NOW)
    secrets: dict[str, Any] = {name: Secret(value=VALUE) for name in ("hub-token", "once-1")}
    blocks: Blocks = {PoolConfig: {"main": PoolConfig()}, Blueprint: {"jupyter": JUPYTER}, Secret: secrets}
    with standing_in(fake_outside(store=store, stored=FakeBlocks(blocks), prefect=FakePrefect())) as door:
        yield door
    store.close()


def ask(name: str = "s-1", **secrets):
    return asyncio.run(record_instance.fn(name, "jupyter", "ada", {"secrets": secrets}))[0]


def test_the_session_has_a_file_for_each_secret_that_its_own_user_alone_may_read(door):
    engine, spec = Engine(), ContainerSpec("dd-s-1", "sha256:a", 8888, 20000, 512, user="1879050000:1000")
    put_secrets(engine, spec, ask(HUB_TOKEN="hub-token"))
    assert engine.container == "dd-s-1"
    assert engine.files == {
        "run/secrets": ("0o500", 1879050000, 1000), "run/secrets/HUB_TOKEN": ("0o400", 1879050000, 1000),
    }  # fmt: skip
    assert VALUE.encode() in engine.tar


def test_a_value_is_nowhere_in_the_database_nor_in_a_record(door, tmp_path):
    assert VALUE not in repr(ask(HUB_TOKEN="hub-token"))
    with sqlite3.connect(tmp_path / "pool.sqlite") as database:
        dump = "\n".join(database.iterdump())
    assert "hub-token" in dump
    assert VALUE not in dump


def test_a_request_whose_secret_is_not_there_is_refused_in_one_sentence_and_nothing_is_recorded(door):
    with pytest.raises(Refused, match=r"^secret KEY: there is no Secret block of the name that the request gives"):
        ask(KEY="swordfish")
    assert door.store.instances.all() == []


def test_a_session_whose_secret_is_gone_when_it_starts_is_refused_and_nothing_is_written(door):
    session, engine = ask(HUB_TOKEN="hub-token"), Engine()
    door.stored.drop_secret("hub-token")
    with pytest.raises(Refused, match="secret HUB_TOKEN"):
        put_secrets(engine, ContainerSpec("dd-s-1", "", 1, 1, 1, user="1:1"), session)
    assert not hasattr(engine, "tar")


def test_a_secret_for_one_use_is_for_one_session(door):
    ask(KEY="once-1")
    with pytest.raises(BadRequest, match="is for one session alone"):
        ask("s-2", KEY="once-1")
    sessions = [{"instance_id": name} for name in ("a", "b")]
    with pytest.raises(BadRequest, match="is for one session alone"):
        asyncio.run(unwrap(provision_instances.fn)(sessions, "jupyter", {"secrets": {"KEY": "once-1"}}))


def test_a_secret_for_one_use_is_deleted_after_it_and_any_other_stays(door):
    asyncio.run(done_with_secrets(ask(KEY="once-1", HUB_TOKEN="hub-token")))
    assert list(door.stored.blocks[Secret]) == ["hub-token"]


def test_a_secret_for_one_use_whose_run_died_is_deleted_by_a_tick(door):
    door.stored.saved_at = {"once-1": NOW - timedelta(hours=2)}
    assert asyncio.run(secrets_are_left.fn())
    assert asyncio.run(drop_left_secrets.fn()) == "1 secret for one use was deleted"
    assert list(door.stored.blocks[Secret]) == ["hub-token"]
