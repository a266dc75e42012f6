"""The sessions of a class are asked for by one request."""

import asyncio

import pytest

from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from flows.sessions.provision_instances import provision_instances
from pool.errors import BadRequest, Refused
from pool.records import Image
from pool.store.pool_store import PoolStore
from tests.rigs.fakes import FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, claim_active
from tests.rigs.services.databases import migrated_sqlite

pytestmark = pytest.mark.unit

KEYS = LinkKeys.create()
JUPYTER = Blueprint(image="jupyter", port=8888)


@pytest.fixture
def door(tmp_path):
    (tmp_path / "pool.sqlite").write_bytes(migrated_sqlite())
    store = PoolStore.open(f"sqlite:///{tmp_path}/pool.sqlite")
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    claim_active(store, slots=2)
    host = store.hosts.all()[0].name
    store.images.mark(host, "sha256:a", NOW)
    blocks = FakeBlocks({PoolConfig: {"main": PoolConfig()}, Blueprint: {"jupyter": JUPYTER}, LinkKeys: {"main": KEYS}})
    with standing_in(fake_outside(store=store, stored=blocks, prefect=FakePrefect())) as door:
        yield door
    store.close()


def students(*names: str) -> list[dict]:
    return [{"instance_id": f"bio101-{name}", "user": name} for name in names]


def ask(sessions: list[dict], **options) -> dict:
    return asyncio.run(provision_instances.fn.__wrapped__(sessions, "jupyter", options))


def test_those_that_there_is_room_for_are_started_by_a_run_each_and_the_others_queue_in_the_order_of_the_list(door):
    said = ask(students("zoe", "ada", "bob"))
    assert [(row["instance_id"], row["state"], row["position"]) for row in said["sessions"]] == [
        ("bio101-zoe", "starting", None),
        ("bio101-ada", "starting", None),
        ("bio101-bob", "queued", 1),
    ]
    assert (said["starting"], said["queued"]) == (2, 1)
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["bio101-zoe", "bio101-ada"]


def test_the_same_request_again_gives_the_same_sessions_and_starts_none_twice(door):
    routes = [row["url"] for row in ask(students("ada", "bob"))["sessions"]]
    assert [row["url"] for row in ask(students("ada", "bob"))["sessions"]] == routes
    assert len(door.prefect.triggered) == 2


def test_one_that_is_refused_keeps_no_other_from_its_place(door):
    ask(students("ada"))
    said = ask([{"instance_id": "bio101-ada", "user": "eve"}, {"instance_id": "No", "user": ""}, *students("bob")])
    assert (said["starting"], said["refused"]) == (1, 2)
    reasons = {row["instance_id"]: row["reason"] for row in said["sessions"] if row["state"] == "refused"}
    assert "was asked for with user 'ada', not 'eve'" in reasons["bio101-ada"]


def test_a_limit_lets_as_many_of_a_class_in_as_it_allows(door):
    door.stored.blocks[PoolConfig]["main"] = PoolConfig(DD_MAX_SESSIONS=2)
    said = ask(students("ada", "bob", "cleo"))
    assert (said["starting"], said["refused"]) == (2, 1)
    assert "may have 2" in said["sessions"][-1]["reason"]


def test_where_the_sessions_would_not_wait_those_without_room_fail_with_the_reason(door):
    said = ask(students("ada", "bob", "cleo"), wait=0)
    assert (said["starting"], said["failed"]) == (2, 1)
    assert "cleo" in said["sessions"][-1]["instance_id"]


def test_where_none_is_taken_the_run_fails_with_the_first_reason(door):
    with pytest.raises(Refused, match=r"^none of 1 sessions was taken; No: "):
        ask([{"instance_id": "No"}])
    with pytest.raises(BadRequest, match="1 to 500 sessions"):
        ask([])
