"""The sessions of a class are asked for by one request."""

import asyncio
from inspect import unwrap

import pytest

from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from flows.sessions.provision_instances import provision_instances
from pool.errors import BadRequest, Refused
from pool.records import Image
from pool.states import EndCause, InstanceState
from tasks.sessions.requests import record_instances
from tests.rigs.fakes import FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, claim_active
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

NEW_ID = " ask with a new instance_id"
KEYS = LinkKeys.create()
JUPYTER = Blueprint(image="jupyter", port=8888)


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
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


def ask(sessions: list[dict], **options) -> str:
    return asyncio.run(unwrap(provision_instances.fn)(sessions, "jupyter", options)).message


def states(door) -> dict[str, str]:
    return {one.user: str(one.state) for one in door.store.instances.all()}


def test_those_that_there_is_room_for_are_started_by_a_run_each_and_the_others_queue_in_the_order_of_the_list(door):
    assert ask(students("zoe", "ada", "bob", "al")) == "2 starting, 2 queued"
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["bio101-zoe", "bio101-ada"]
    assert [one.user for one in door.store.instances.queue("main")] == ["bob", "al"]


def test_a_class_of_two_hundred_is_recorded_in_one_transaction(door):
    before = door.store.writes
    recorded, refused = asyncio.run(record_instances.fn(students(*map(str, range(200))), "jupyter", {}))
    assert (len(recorded), refused, door.store.writes - before) == (200, {}, 1)


def test_the_same_request_again_gives_the_same_sessions_and_starts_none_twice(door):
    assert ask(students("ada", "bob")) == ask(students("ada", "bob")) == "2 starting"
    assert (len(door.store.instances.all()), len(door.prefect.triggered)) == (2, 2)


def test_one_that_is_refused_keeps_no_other_from_its_place_and_the_run_says_why(door):
    ask(students("ada"))
    said = ask([{"instance_id": "bio101-ada", "user": "eve"}, {"instance_id": "No", "user": ""}, *students("bob")])
    assert said.startswith("1 starting, 2 refused; No: ")
    (table,) = (rows for key, rows in door.prefect.tables.items() if key.startswith("class-"))
    assert [(row["instance_id"], bool(row["refused"])) for row in table] == [
        ("bio101-bob", False), ("No", True), ("bio101-ada", True),
    ]  # fmt: skip
    assert "bio101-ada: instance bio101-ada was asked for with user 'ada', not 'eve'" in said


def test_a_table_that_cannot_be_left_turns_no_recorded_session_into_a_failure(door, monkeypatch):
    def away(*_words, **_said) -> None:
        raise ConnectionError("Prefect's server is away")

    monkeypatch.setattr(door.prefect, "write_table", away)
    assert ask(students("ada")) == "1 starting"


def test_a_limit_lets_as_many_of_a_class_in_as_it_allows(door):
    door.stored.blocks[PoolConfig]["main"] = PoolConfig(DD_MAX_SESSIONS=2)
    said = ask(students("ada", "bob", "cleo"))
    assert said.startswith("2 starting, 1 refused; bio101-cleo: pool main has 2 sessions, and may have 2")


def test_where_the_sessions_would_not_wait_those_without_room_fail_with_the_reason(door):
    assert ask(students("ada", "bob", "cleo"), wait=0) == "2 starting, 1 failed"
    assert (states(door)["cleo"], door.store.instances.get("bio101-cleo").end_cause) == ("failed", EndCause.NO_ROOM)


def test_an_id_that_was_used_up_is_refused_as_when_it_is_asked_for_alone(door):
    ask(students("ada"))
    door.store.instances.move("bio101-ada", InstanceState.FAILED, NOW, reason="its host was lost")
    said = ask(students("ada", "bob"))
    assert said == "1 starting, 1 refused; bio101-ada: instance bio101-ada is failed (its host was lost);" + NEW_ID


def test_sessions_of_a_class_whose_blueprint_is_gone_fail_with_that_reason(door):
    ask(students("ada", "bob", "cleo"))
    del door.stored.blocks[Blueprint]["jupyter"]
    assert ask(students("ada", "bob", "cleo")) == "2 starting, 1 failed"
    assert "no blueprint is named 'jupyter'" in door.store.instances.get("bio101-cleo").reason


def test_where_none_is_taken_the_run_fails_with_the_first_reason(door):
    with pytest.raises(Refused, match=r"^none of 1 session was taken; No: "):
        ask([{"instance_id": "No"}])
    with pytest.raises(BadRequest, match="1 to 500 sessions"):
        ask([])
