"""Sessions whose runs were found together are recorded, and told where they stand, before the first run begins."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from prefect.states import Cancelled

from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from blocks.turns import Turns
from flows.sessions.provision_instance import provision_instance
from flows.steps import ahead
from flows.steps.ahead import (
    AHEAD,
    FoundRun,
    Undoing,
    begin_alone,
    leave_session,
    place_sessions,
    record_sessions,
    share_sessions,
)
from flows.steps.queue import serve_queue
from pool.errors import DatabaseAway
from pool.records import Host, Image
from pool.sessions.timings import Phase
from pool.states import InstanceState
from pool.store.hosts.host_store import HostStore
from pool.store.pool_store import PoolStore
from tasks.publishing.platform import write_answers
from tasks.sessions.coming_runs import starting_later
from tests.rigs.fakes import SETTINGS, Blocks, FakeBlocks, InlinePublisher, fake_outside, of_run
from tests.rigs.pool_data import NOW, claim_active, later, run
from tests.rigs.prefect_runs import Books, a_run
from tests.rigs.services.databases import new_store
from tests.rigs.stacks.paper_stack import PaperEngine, PaperGateway

pytestmark = pytest.mark.unit

FIRST = str(UUID(int=1))
JUPYTER = Blueprint(image="jupyter", port=8888)


class Prefect(Books):
    """Keeps which run's page is to show the answer of each key; no run is on its books, but those of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, str] = {}

    def show_on_own_page(self, keys: Iterable[str], run: str = "") -> None:
        self.shown |= dict.fromkeys(keys, run) if run else {}


@pytest.fixture
def door(tmp_path):
    """A pool with room for two."""
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    store.images.mark(claim_active(store, slots=2).name, "sha256:a", NOW)
    blocks: Blocks = {
        PoolConfig: {"main": PoolConfig()},
        Blueprint: {"jupyter": JUPYTER},
        LinkKeys: {"main": LinkKeys.create()},
    }
    ports = {
        "stored": FakeBlocks(blocks),
        "prefect": Prefect(),
        "publisher": InlinePublisher(),
        "engines": PaperEngine(),
    }
    with standing_in(fake_outside(store=store, gateway=PaperGateway(), **ports)) as door:
        yield door
    store.close()


def found(name: str, user: str = "", options: dict | None = None, **more) -> FoundRun:
    asked = {"instance_id": name, "blueprint": "jupyter", "user": user, "options": options}
    return FoundRun(f"run of {name}", asked | more, NOW)


def record(*runs: FoundRun) -> Undoing:
    async def both() -> Undoing:
        undoing = await record_sessions(runs)
        if wait := await place_sessions(runs):
            await wait()
        return undoing

    return asyncio.run(both())


async def undo(undoing: Undoing, run: str) -> None:
    await undoing[run]()


def told(door) -> dict[str, str]:
    return {key: rows[0]["state"] for key, rows in door.prefect.tables.items() if key.startswith("instance-")}


def test_all_are_told_whether_they_start_or_wait_before_one_of_their_runs_begins(door):
    record(*(found(f"s-{number}") for number in range(5)))
    states = ["starting", "starting", "queued", "queued", "queued"]
    assert told(door) == {f"instance-s-{number}": state for number, state in enumerate(states)}
    assert [one.id for one in door.store.instances.queue("main")] == ["s-2", "s-3", "s-4"]
    assert door.prefect.triggered == []


def test_those_that_wait_are_told_before_those_that_start(door):
    record(*(found(f"s-{number}") for number in range(4)))
    door.prefect.tables.clear()
    write_answers([door.store.instances.get(f"s-{number}") for number in range(4)])
    assert [*told(door)] == [f"instance-s-{number}" for number in (2, 3, 0, 1)]


class WaitedForPublisher(InlinePublisher):
    """Keeps how many sessions wait whenever it is waited for."""

    def __init__(self, store: PoolStore) -> None:
        self.waits: list[int] = []
        self._store = store

    def flush(self, seconds: float) -> bool:
        self.waits.append(len(self._store.instances.queue("main")))
        return True


def test_the_runs_wait_until_those_without_room_are_told_so_and_for_nothing_where_all_have_room(door):
    publisher = WaitedForPublisher(door.store)
    with standing_in(replace(door, publisher=publisher)):
        record(found("s-1"), found("s-2"))
        assert publisher.waits == []
        record(found("s-3"), found("s-4"))
    assert publisher.waits == [2]


class StuckPublisher(WaitedForPublisher):
    """Tells nothing for so long, as while Prefect's server is away."""

    def __init__(self, store: PoolStore) -> None:
        super().__init__(store)
        self.goes_on = Event()

    def flush(self, seconds: float) -> bool:
        self.goes_on.wait(60)
        return super().flush(seconds)


class SlowHosts(HostStore):
    """Answers so late, as a database on a busy disk."""

    def recent(self, *args: Any, **more: Any) -> list[Host]:
        time.sleep(0.3)
        return super().recent(*args, **more)


def test_one_that_got_room_while_the_runs_began_already_has_a_run_that_starts_it(door, monkeypatch):
    record(*(found(f"s-{number}") for number in range(3)))
    door.clock.pass_by(60)
    door.store.instances.move("s-0", InstanceState.FAILED, later(60), "its host was lost")
    monkeypatch.setattr(ahead, "TOLD_SECONDS", 0.1)
    monkeypatch.setattr(door.store, "hosts", SlowHosts(door.store._database))

    async def place() -> None:
        assert await place_sessions([found("s-2")]) is None
        await asyncio.gather(*ahead._UNDER_WAY)

    asyncio.run(place())
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["s-2"]


def test_they_begin_all_the_same_where_those_without_room_cannot_be_told_in_time(door, monkeypatch):
    monkeypatch.setattr(ahead, "TOLD_SECONDS", 0.2)
    stuck = StuckPublisher(door.store)
    with standing_in(replace(door, publisher=stuck)):
        undoing = record(*(found(f"s-{number}") for number in range(5)))
    assert (len(undoing), stuck.waits) == (5, [])
    stuck.goes_on.set()


def test_five_cost_the_database_no_more_writes_than_one_does_where_there_is_no_room(door):
    record(found("s-8"), found("s-9"))

    def writes(*runs: FoundRun) -> int:
        before = door.store.writes
        record(*runs)
        return door.store.writes - before

    assert writes(found("alone")) == writes(*(found(f"s-{number}") for number in range(5)))


def test_those_that_are_given_room_ahead_are_started_by_their_own_runs(door):
    record(found("s-1"), found("s-2"), found("s-3"))
    asyncio.run(serve_queue("main", own="s-1"))
    assert [str(door.store.instances.get(f"s-{number}").state) for number in (1, 2, 3)] == [
        "starting",
        "starting",
        "queued",
    ]
    assert door.prefect.triggered == []


class HastyTurns(Turns):
    """A run is asked late whether to look at its session: it has begun by then, found room, and looked."""

    def is_looked_at_later(self, name: str, uptime: float = float("inf")) -> bool:
        with self.looking_later(name):
            pass
        return super().is_looked_at_later(name, uptime)


def test_one_whose_run_begins_while_it_is_given_room_is_started_by_that_run_alone(door):
    with standing_in(replace(door, turns=HastyTurns())):
        record(found("s-1"), found("s-2"))
        asyncio.run(serve_queue("main", own="s-1"))
    assert str(door.store.instances.get("s-2").state) == "starting"
    assert door.prefect.triggered == []


@pytest.mark.parametrize("is_over", [True, False])
def test_one_that_was_left_to_a_run_which_ended_in_another_process_is_started_by_another(door, is_over):
    record(found("s-1"), found("s-2"))
    asyncio.run(leave_session(found("s-2"), is_over))
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["s-2"] * is_over


def test_one_whose_run_another_process_took_before_it_was_given_room_is_asked_for_as_any_other(door):
    asyncio.run(record_sessions([found("s-1"), found("s-2")]))
    asyncio.run(leave_session(found("s-2"), True))
    assert door.prefect.triggered == []
    asyncio.run(serve_queue("main", own="s-1"))
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["s-2"]


@pytest.fixture
def isolated(door):
    """Three sessions are asked for, each of whose runs gets a process of its own; there is room for two."""
    runs = [replace(found(f"s-{number}"), has_own_process=True) for number in (1, 2, 3)]
    asyncio.run(share_sessions(runs))
    asyncio.run(record_sessions(runs))
    with standing_in(process_of_its_own(door)):
        yield runs


def process_of_its_own(door):
    """The door of another process, which knows of no run but its own."""
    return replace(door, turns=Turns(), settings=SETTINGS.model_copy(update={"isolated_runs": True}))


async def looks_for_room(name: str, run: str) -> None:
    with of_run(run):
        async with starting_later(name):
            await serve_queue("main", own=name)


def asked_for(door) -> list[str]:
    return [asked["instance_id"] for _, asked, _ in door.prefect.triggered]


def test_a_burst_of_runs_in_processes_of_their_own_asks_for_no_other_runs(door, isolated):
    asyncio.run(looks_for_room("s-1", "run of s-1"))
    assert [str(door.store.instances.get(run.parameters["instance_id"]).state) for run in isolated] == [
        "starting",
        "starting",
        "queued",
    ]
    assert asked_for(door) == []


def test_one_that_gets_room_once_its_run_has_looked_in_its_own_process_is_asked_for(door, isolated):
    for name in ("s-1", "s-2", "s-3"):
        asyncio.run(looks_for_room(name, f"run of {name}"))
    door.store.instances.move("s-1", InstanceState.FAILED, later(1), "its host was lost")
    asyncio.run(serve_queue("main"))
    assert asked_for(door) == ["s-3"]


def test_one_that_was_left_to_a_run_whose_own_process_ended_without_a_look_is_asked_for_at_its_end(door, isolated):
    asyncio.run(looks_for_room("s-1", "run of s-1"))
    asyncio.run(leave_session(isolated[1], True))
    assert asked_for(door) == ["s-2"]
    door.store.instances.move("s-1", InstanceState.FAILED, later(1), "its host was lost")
    asyncio.run(leave_session(isolated[2], True))
    asyncio.run(serve_queue("main"))
    assert asked_for(door) == ["s-2", "s-3"]


def test_the_page_of_each_run_shows_the_next_answer_to_it(door):
    record(found("s-1"), found("s-2"))
    assert door.prefect.shown == {"instance-s-1": "run of s-1", "instance-s-2": "run of s-2"}


def test_one_whose_run_does_not_begin_after_all_is_started_by_another(door):
    record(found("s-1"), found("s-2"), found("s-3"))
    door.clock.pass_by(60)
    door.store.instances.move("s-1", InstanceState.FAILED, later(60), "its host was lost")
    asyncio.run(serve_queue("main"))
    assert [asked["instance_id"] for _, asked, _ in door.prefect.triggered] == ["s-3"]


def test_the_session_of_a_run_that_was_cancelled_before_it_began_is_over_and_gives_its_room_to_the_next(door):
    undoing = record(replace(found("s-1"), id=FIRST), found("s-2"), found("s-3"))
    asyncio.run(serve_queue("main", own="s-1"))
    door.prefect.runs = [a_run(Cancelled(timestamp=NOW), instance_id="s-1")]
    asyncio.run(undo(undoing, FIRST))
    over = door.store.instances.get("s-1")
    assert (str(over.state), over.reason) == ("failed", "cancelled")
    assert [str(door.store.instances.get(name).state) for name in ("s-2", "s-3")] == ["starting", "starting"]


def test_a_session_that_was_asked_for_again_outlives_the_first_run_that_is_cancelled_before_it_began(door):
    undoing = record(replace(found("s-1"), id=FIRST), found("s-2"))
    door.prefect.runs = [a_run(Cancelled(timestamp=NOW), instance_id="s-1"), a_run(number=2, instance_id="s-1")]
    asyncio.run(undo(undoing, FIRST))
    assert door.store.instances.get("s-1").state is InstanceState.STARTING


def test_each_is_on_record_with_the_moment_of_its_own_request(door):
    record(found("s-1"), replace(found("s-2"), accepted=later(-3)))
    accepted = {name: door.store.timings.of(name)[Phase.ACCEPTED] for name in ("s-1", "s-2")}
    assert accepted == {"s-1": NOW, "s-2": later(-3)}


def test_a_session_that_runs_by_then_is_left_alone(door):
    undoing = record(found("s-1"), found("s-2"))
    asyncio.run(serve_queue("main", own="s-1"))
    run(door.store, "s-1")
    asyncio.run(undo(undoing, "run of s-1"))
    assert str(door.store.instances.get("s-1").state) == "running"


def test_a_session_that_was_asked_for_before_or_by_two_runs_is_not_undone_with_one_of_them(door):
    record(found("s-1"))
    door.clock.pass_by(1)
    twice = replace(found("s-2"), id="another run")
    assert {*record(found("s-1"), found("s-2"), twice, found("s-3"))} == {"run of s-3"}


def test_what_is_refused_is_left_to_its_run_and_keeps_no_other_from_its_place(door):
    record(found("s-1", user="ada"))
    record(found("s-1", user="eve"), found("No"), found("s-2"))
    assert {one.id: one.user for one in door.store.instances.all()} == {"s-1": "ada", "s-2": ""}


def test_each_is_recorded_with_its_own_options_and_the_unknown_one_not_at_all(door):
    record(found("s-1", options={"wait": 60}), found("s-2"), found("s-3", options={"colour": "red"}))
    assert {one.id: one.options for one in door.store.instances.all()} == {"s-1": {"wait": 60}, "s-2": {}}


def test_one_of_no_blueprint_that_there_is_is_not_recorded(door):
    record(found("s-1", blueprint="gone"), found("s-2", blueprint=None))
    assert door.store.instances.all() == []


def test_one_that_is_found_alone_is_recorded_and_given_room_beside_its_taking_and_no_other_run_is_asked_for(door):
    undoing = asyncio.run(begin_alone(found("s-1")))
    assert str(door.store.instances.get("s-1").state) == "starting"
    assert (asked_for(door), [*undoing], door.prefect.shown) == ([], ["run of s-1"], {"instance-s-1": "run of s-1"})


def test_one_that_is_found_alone_gives_room_to_those_before_it_and_waits_where_none_is_left(door):
    asyncio.run(record_sessions([found("s-1"), found("s-2")]))
    door.clock.pass_by(1)
    asyncio.run(begin_alone(found("s-3")))
    states = [str(door.store.instances.get(f"s-{number}").state) for number in (1, 2, 3)]
    assert states == ["starting", "starting", "queued"]


def test_the_session_of_a_lone_run_that_was_cancelled_meanwhile_is_over_and_keeps_no_room(door):
    undoing = asyncio.run(begin_alone(replace(found("s-1"), id=FIRST)))
    door.prefect.runs = [a_run(Cancelled(timestamp=NOW), instance_id="s-1")]
    asyncio.run(undo(undoing, FIRST))
    assert str(door.store.instances.get("s-1").state) == "failed"
    assert [host.free for host in door.store.hosts.all("main")] == [2]


def test_two_lone_runs_of_one_request_record_it_once_and_either_alone_undoes_it(door):
    first = asyncio.run(begin_alone(found("s-1")))
    door.clock.pass_by(1)
    second = asyncio.run(begin_alone(replace(found("s-1"), id="another run")))
    assert ([*first], [*second]) == (["run of s-1"], [])
    assert [host.free for host in door.store.hosts.all("main")] == [1]


def test_what_a_lone_run_recorded_is_undone_though_room_could_not_be_given_out(door, monkeypatch):
    def away(_pool):
        raise DatabaseAway("the database is away")

    monkeypatch.setattr(door.store.instances, "queue", away)
    assert [*asyncio.run(begin_alone(found("s-1")))] == ["run of s-1"]
    assert str(door.store.instances.get("s-1").state) == "queued"


def test_the_flow_that_it_is_done_for_takes_these_parameters():
    assert provision_instance.name in AHEAD
    assert {*found("s-1").parameters} == {*provision_instance.parameters.properties}
