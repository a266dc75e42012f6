"""A session of a course, with secrets, from its request to its end: the product's own flows and a real engine."""

import asyncio
import json
import logging
import sqlite3
from datetime import timedelta
from inspect import unwrap

import pytest
from prefect.blocks.system import Secret

from blocks.files.course_files import CourseFiles
from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from flows.sessions.deprovision_instance import deprovision_instance
from flows.sessions.provision_instance import provision_instance
from pool.errors import Refused
from pool.records import Image
from pool.store.pool_store import PoolStore
from tests.rigs.engines.light_engine import SERVE
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import Blocks, FakeBlocks, FakeClock, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, claim_active
from tests.rigs.services.databases import migrated_sqlite

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.integration

NOT_HERE: dict = {"withdraw_route": None, "publish_route": None, "wait_until_ready": {}}
VALUE = "Correct-Horse-Battery"
LAB = Blueprint(image="lab", port=8888, container_user="session:1000", memory_mb=64, command=[*SERVE])
BIO = CourseBlock(blueprint="lab", times=["Mon 08:00-10:00"], slots=2, files="bio101")
SECRETS = {"HUB_TOKEN": "hub-token", "S3_KEY": "once-1"}


class Somewhere(FakePrefect):
    """Runs tasks, but for those of a gateway, which is not here."""

    def call(self, task, args, kwargs):
        self.note(task)
        return asyncio.sleep(0, NOT_HERE[task.name]) if task.name in NOT_HERE else task.fn(*args, **kwargs)


@pytest.fixture
def door(tmp_path, host, image):
    (tmp_path / "pool.sqlite").write_bytes(migrated_sqlite())
    (tmp_path / "courses" / "bio101").mkdir(parents=True)
    (tmp_path / "courses" / "bio101" / "cells.csv").write_text("a,b\n")
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    store.images.put(Image("main", "lab", image.id, 1))
    store.hosts.note(claim_active(store).name, address="192.0.2.7")
    store.images.mark("main-01", image.id, NOW)
    kinds: Blocks = {PoolConfig: {"main": PoolConfig()}, Blueprint: {"lab": LAB}, CourseBlock: {"bio101": BIO}}
    kinds |= {LinkKeys: {"main": LinkKeys.create()}, Secret: {name: Secret(value=VALUE) for name in SECRETS.values()}}
    ports = {"store": store, "stored": FakeBlocks(kinds), "engines": OneEngine(host.engine), "prefect": Somewhere()}
    ports |= {"course_files": CourseFiles(tmp_path / "courses"), "clock": FakeClock(NOW + timedelta(minutes=1))}
    with standing_in(fake_outside(**ports)) as door:
        yield door
    for state in host.engine.containers({}):
        host.engine.remove(state.id)
    store.close()


def provision(name: str = "s-1", **options) -> dict:
    return asyncio.run(unwrap(provision_instance.fn)(name, "lab", "ada", options))


def inside(host, script: str) -> str:
    with host.engine.client("run a command") as client:
        return client.exec_start(client.exec_create("dd-s-1", ["sh", "-c", script])["Id"]).decode()


def test_a_session_has_its_secrets_and_the_files_of_its_course_when_its_program_starts(door, host):
    assert provision(course="bio101", secrets=SECRETS)["state"] == "running"
    assert inside(host, "cat /run/secrets/HUB_TOKEN /run/secrets/S3_KEY") == VALUE * 2
    assert inside(host, "test $(stat -c %u /run/secrets/HUB_TOKEN) = $(id -u) && cat /course/cells.csv") == "a,b\n"
    assert "denied" in inside(host, "echo x 2>&1 > /course/cells.csv || echo denied")


def test_a_value_is_in_no_record_answer_log_or_description_of_the_container(door, host, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = provision(secrets=SECRETS)
    with sqlite3.connect(tmp_path / "pool.sqlite") as database, host.engine.client("inspect") as client:
        told = [json.dumps(answer, default=str), *database.iterdump(), str(client.inspect_container("dd-s-1"))]
    told += [caplog.text, host.engine.logs("dd-s-1"), str(door.prefect.triggered), str(door.prefect.tables)]
    assert "hub-token" in "\n".join(told)
    assert VALUE not in "\n".join(told)


def test_a_secret_for_one_use_is_gone_when_its_session_runs_and_all_are_when_it_is_over(door, host):
    provision(secrets=SECRETS)
    assert list(door.stored.blocks[Secret]) == ["hub-token"]
    asyncio.run(unwrap(deprovision_instance.fn)("s-1"))
    assert host.engine.containers({}) == []


def test_files_of_a_course_that_are_not_there_fail_the_session_with_the_reason(door, host, tmp_path):
    (tmp_path / "courses" / "bio101").rename(tmp_path / "courses" / "elsewhere")
    with pytest.raises(Refused, match="course bio101: bio101 is not in"):
        provision(course="bio101")
    assert "course bio101: bio101 is not in" in door.store.instances.get("s-1").reason
    assert (host.engine.containers({}), door.store.hosts.get("main-01").reserved) == ([], 0)
