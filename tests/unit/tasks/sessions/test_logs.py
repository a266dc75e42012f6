"""The log of a session, for its platform."""

import asyncio
from inspect import unwrap

import pytest

from blocks.engine.client import HostEngine
from blocks.engine.containers.state import ContainerState
from blocks.outside import standing_in
from flows.sessions.instance_logs import instance_logs
from pool.errors import BadRequest, NotFound, Refused
from pool.sessions.log_lines import LEFT_OUT
from pool.states import InstanceState
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


MIDNIGHT = 1796083200  # 2026-12-01, in seconds since 1970


def moment(second: int) -> str:
    return f"2026-12-01T00:00:{second:02}.000000000Z"


class TalkingEngine(HostEngine):
    """Every host's engine: it has the containers that a test gives it, by name with what they wrote."""

    def __init__(self) -> None:
        self.wrote: dict[str, list[str]] = {}

    def find(self, name: str) -> ContainerState | None:
        return ContainerState("c", name, "sha256:a", "running", 0, {}) if name in self.wrote else None

    def dated_logs(self, name: str, lines: int, since: int = 0) -> str:
        """One line was written in each second of a minute."""
        dated = [(second, line) for second, line in enumerate(self.wrote[name]) if MIDNIGHT + second >= since]
        return "".join(f"{moment(second)} {line}\n" for second, line in dated[-lines:])


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    claim_active(store)
    with standing_in(fake_outside(store=store, engines=OneEngine(TalkingEngine()))) as door:
        yield door
    store.close()


def read(instance_id: str = "alice-1", lines: int = 100, since: str = "") -> list[str]:
    return asyncio.run(unwrap(instance_logs.fn)(instance_id, lines, since))


def test_the_last_lines_are_answered_and_left_as_an_artifact(door):
    ask(door.store)
    token = present(place(door.store)).token
    door.engines.engine.wrote["dd-alice-1"] = ["one", f"two {token}", "three"]
    assert read(lines=2) == ["two …", "three"]
    assert door.prefect.tables["logs-alice-1"] == [
        {"at": moment(1), "line": "two …"},
        {"at": moment(2), "line": "three"},
    ]


def test_a_reader_who_names_the_last_line_gets_what_came_after_it(door):
    ask(door.store)
    place(door.store)
    door.engines.engine.wrote["dd-alice-1"] = ["one", "two", "three"]
    assert read(since=moment(0)) == ["two", "three"]
    assert read(since=moment(2)) == []


def test_a_reader_who_fell_behind_is_told_that_lines_are_left_out(door):
    ask(door.store)
    place(door.store)
    door.engines.engine.wrote["dd-alice-1"] = ["one", "two", "three", "four"]
    assert read(lines=2, since=moment(0)) == [LEFT_OUT, "three", "four"]
    assert read(lines=3, since=moment(0)) == ["two", "three", "four"]


def test_lines_beyond_what_is_answered_at_once_are_told_to_be_left_out(door):
    ask(door.store)
    place(door.store)
    door.engines.engine.wrote["dd-alice-1"] = ["begin", *(str(n) * 1999 for n in range(10) for _ in range(5))]
    first, *rest = read(lines=60, since=moment(0))
    assert (first, len(rest), rest[-1]) == (LEFT_OUT, 32, "9" * 1999)


@pytest.mark.parametrize("since", ["yesterday", "2026-12-01T00:00:00Z", "2026-13-01T00:00:00.000000000Z", "1"])
def test_a_cursor_that_no_line_ever_had_is_refused(door, since):
    ask(door.store)
    with pytest.raises(BadRequest, match="is no moment of a line"):
        read(since=since)


def test_what_a_carriage_return_parts_has_the_moment_of_its_line(door):
    ask(door.store)
    place(door.store)
    door.engines.engine.wrote["dd-alice-1"] = ["10 %\r20 %"]
    read()
    assert [row["at"] for row in door.prefect.tables["logs-alice-1"]] == [moment(0), moment(0)]


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
