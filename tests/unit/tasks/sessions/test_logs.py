"""The log of a session, for its platform."""

import asyncio
from inspect import unwrap

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.containers.state import ContainerState
from blocks.outside import standing_in
from flows.sessions.instance_logs import instance_logs
from pool.errors import NotFound, Refused
from pool.states import InstanceState
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


class TalkingEngine(HostEngine):
    """Every host's engine: it has the containers that a test gives it, by name with what they wrote."""

    def __init__(self) -> None:
        self.wrote: dict[str, list[str]] = {}

    def find(self, name: str) -> ContainerState | None:
        return ContainerState("c", name, "sha256:a", "running", 0, {}) if name in self.wrote else None

    def logs(self, name: str, lines: int = 100) -> str:
        return "".join(line + "\n" for line in self.wrote[name][-lines:])


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    with standing_in(fake_outside(store=store, engines=OneEngine(TalkingEngine()))) as door:
        yield door
    store.close()


def read(instance_id: str = "alice-1", lines: int = 100) -> list[str]:
    return asyncio.run(unwrap(instance_logs.fn)(instance_id, lines))


def test_the_last_lines_are_answered_and_left_as_an_artifact(door):
    ask(door.store)
    token = present(place(door.store)).token
    door.engines.engine.wrote["dd-alice-1"] = ["one", f"two {token}", "three"]
    assert read(lines=2) == ["two …", "three"]
    assert door.prefect.tables["logs-alice-1"] == [{"line": "two …"}, {"line": "three"}]


@pytest.mark.parametrize(("ends", "state"), [(False, "queued"), (True, "failed")])
def test_a_session_on_no_host_has_no_log_and_the_refusal_says_why(door, ends, state):
    ask(door.store)
    if ends:
        door.store.instances.move("alice-1", InstanceState.FAILED, NOW)
    with pytest.raises(Refused, match=f"^instance alice-1 is {state}: it has no container whose log could be read$"):
        read()


def test_a_session_whose_container_is_not_there_says_so(door):
    ask(door.store)
    present(place(door.store))
    with pytest.raises(NotFound, match=r"^instance alice-1 is starting: there is no container of it on main-01$"):
        read()


def test_the_log_of_a_session_that_never_was_is_not_found(door):
    with pytest.raises(NotFound, match="no instance is named alice-1"):
        read()
