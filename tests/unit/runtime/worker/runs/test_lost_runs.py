"""How a worker settles the runs of one that was killed, and of which of them it keeps its hands off."""

import asyncio
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Completed, Failed, Pending, Running, Scheduled

from blocks.prefect.reruns import Busy, reruns_in, settle_lost_run
from pool.states import EndCause
from pool.store.pool_store import PoolStore
from runtime.worker.runs.lost_runs import LostRuns, belongs_to, taken_by
from runtime.worker.runs.run_notes import RunNotes
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

ONE, OTHER = UUID(int=1), UUID(int=2)
DIES = """
import os, sys, uuid
from pathlib import Path
from runtime.worker.runs.run_notes import RunNotes
notes = RunNotes(Path(sys.argv[1]))
for run in sys.argv[2:]:
    notes.begin(uuid.UUID(run))
print(notes.folder.name, flush=True)
os.kill(os.getpid(), 9)
"""
AGAIN = "It died; it is run again (1 of 3)."
LOG = logging.getLogger("test")


class PaperServer:
    """Runs with their states; refuses so many changes first."""

    def __init__(self, refusals: int = 0):
        self.refusals, self.flow = refusals, "provision-instance"
        self.states: dict[UUID, list[State]] = {}
        self.marked_late: set[UUID] = set()  # by which the history has one state more than the run had

    def add(self, run_id: UUID, *states: State) -> None:
        for state in states:
            state.timestamp = NOW + timedelta(seconds=len(self.states.setdefault(run_id, [])))
            self.states[run_id].append(state)

    def names(self, run_id: UUID) -> list[str]:
        return [state.name or "" for state in self.states[run_id]]

    async def read_flow_run(self, run_id: UUID) -> SimpleNamespace:
        newest = -2 if run_id in self.marked_late else -1
        state, parameters = self.states[run_id][newest], {"instance_id": "alice-1"}
        return SimpleNamespace(
            id=run_id, state=state, auto_scheduled=False, flow_id=ONE, parameters=parameters, created=NOW
        )

    async def read_flow_runs(self, **_wanted) -> list[FlowRun]:
        known = {"flow_id": ONE, "parameters": {"instance_id": "alice-1"}, "expected_start_time": NOW}
        return [FlowRun(id=run_id, state=states[-1], **known) for run_id, states in self.states.items()]

    async def read_flow(self, _flow_id: UUID) -> SimpleNamespace:
        return SimpleNamespace(name=self.flow)

    async def read_flow_run_states(self, run_id: UUID) -> list[State]:
        return self.states[run_id]

    async def set_flow_run_state(self, run_id: UUID, state: State, force: bool) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("the server is busy")
        assert force is (state.type is not AwaitingRetry().type)
        self.add(run_id, state)


@pytest.fixture
def store(tmp_path):
    store = new_store(tmp_path)
    yield store
    store.close()


def killed_with(folder, *runs: UUID) -> str:
    """The name of a worker process that was killed with these runs under way."""
    command = [sys.executable, "-c", DIES, str(folder), *map(str, runs)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def settle(tmp_path, store):
    """Settle what was left below tmp_path, as a worker does when it starts; its own notes."""

    def now(server: PaperServer) -> RunNotes:
        notes = RunNotes(tmp_path / "runs")
        client: Any = server
        asyncio.run(LostRuns(notes, LOG, lambda: store, retry_seconds=0.01).settle_predecessors(client))
        return notes

    return now


def test_a_run_of_a_killed_worker_is_run_again_and_holds_nothing_any_more(tmp_path, store, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, Scheduled(), Pending(message=taken_by(owner)), Running())
    store.leases.take("starting of alice", f"flow run {ONE}", 600, NOW)
    settle(server)
    assert server.names(ONE)[-1] == "AwaitingRetry"
    assert server.states[ONE][-1].message == "Its worker process died while it ran; it is run again (1 of 3)."
    assert store.leases.take("starting of alice", "another run", 60, NOW) is None


def test_a_run_that_was_killed_before_it_began_is_run_again(tmp_path, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, Scheduled(), Pending(message=taken_by(owner)))
    settle(server)
    assert server.names(ONE) == ["Scheduled", "Pending", "AwaitingRetry"]


def test_a_run_that_was_marked_late_in_the_moment_that_it_was_taken_is_run_again(tmp_path, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, Scheduled(), Pending(message=taken_by(owner)), Scheduled(name="Late"))
    server.marked_late.add(ONE)
    settle(server)
    assert server.names(ONE)[-1] == "AwaitingRetry"


def test_a_run_that_another_worker_took_meanwhile_is_left_to_it(tmp_path, store, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, Pending(message=taken_by(owner)), AwaitingRetry(), Pending(message=taken_by("another")), Running())
    store.leases.take("starting of alice", f"flow run {ONE}", 600, NOW)
    notes = settle(server)
    assert (server.names(ONE)[-1], notes.left_by_the_dead()) == ("Running", {})
    assert store.leases.take("starting of alice", "a third run", 60, NOW) == f"flow run {ONE}"


def test_a_run_that_had_ended_stays_as_it_ended(tmp_path, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, Pending(message=taken_by(owner)), Running(), Completed())
    settle(server)
    assert server.names(ONE)[-1] == "Completed"


def test_a_run_that_was_run_again_three_times_fails_with_the_reason(tmp_path, settle):
    server, owner = PaperServer(), killed_with(tmp_path / "runs", ONE)
    server.add(ONE, *[AwaitingRetry(message=AGAIN) for _ in range(3)], Pending(message=taken_by(owner)), Running())
    settle(server)
    assert server.names(ONE)[-1] == "Failed"
    assert present(server.states[ONE][-1].message).endswith("it was run again 3 times, and is given up.")


def test_a_run_that_cannot_be_settled_yet_keeps_no_other_one_waiting(tmp_path, settle):
    server, owner = PaperServer(refusals=1), killed_with(tmp_path / "runs", ONE, OTHER)
    for run in (ONE, OTHER):
        server.add(run, Pending(message=taken_by(owner)), Running())
    notes = settle(server)
    assert server.names(ONE)[-1] == server.names(OTHER)[-1] == "AwaitingRetry"
    assert notes.left_by_the_dead() == {}


def test_of_two_processes_that_settle_a_run_one_has_it_run_again(store):
    server = PaperServer()
    server.add(ONE, Running())
    store.leases.take(f"settling of flow run {ONE}", "the other process", 30, datetime.now(UTC))
    client: Any = server
    settling = settle_lost_run(client, store, ONE, "it died", lambda _: True, datetime.now(UTC))
    with pytest.raises(Busy):
        asyncio.run(settling)
    assert server.names(ONE) == ["Running"]


def settle_cancelled(server: PaperServer, store: PoolStore) -> None:
    client: Any = server
    asyncio.run(settle_lost_run(client, store, ONE, "it was killed", lambda _: True, datetime.now(UTC)))


def being_started(store: PoolStore, by: UUID) -> None:
    """A session with room, whose start a run is at."""
    claim_active(store)
    ask(store)
    place(store)
    store.leases.take("starting of alice-1", f"flow run {by}", 600, datetime.now(UTC))


@pytest.mark.parametrize("last", [Cancelling(), Cancelled()], ids=["being cancelled", "cancelled"])
def test_a_session_whose_start_was_cancelled_is_never_started_though_its_run_was_killed_before_it_ended_it(store, last):
    server = PaperServer()
    server.add(ONE, Running(), last)
    being_started(store, by=ONE)
    settle_cancelled(server, store)
    session = store.instances.get("alice-1")
    assert (session.state, session.end_cause, session.reason) == ("stopping", EndCause.NOT_STARTED, "cancelled")
    assert server.names(ONE)[-1] == "Cancelled"


def test_a_session_that_another_run_starts_or_that_another_flow_is_about_goes_on(store):
    server = PaperServer()
    server.add(ONE, Running(), Cancelling())
    server.add(OTHER, Running())
    being_started(store, by=OTHER)
    settle_cancelled(server, store)
    server.flow = "backup-instance"
    store.leases.drop("starting of alice-1", f"flow run {OTHER}")
    settle_cancelled(server, store)
    assert store.instances.get("alice-1").state == "starting"


def test_a_run_that_completed_as_it_was_cancelled_keeps_its_session(store):
    server = PaperServer()
    server.add(ONE, Running(), Completed())
    being_started(store, by=ONE)
    client: Any = server
    settling = settle_lost_run(client, store, ONE, "it was killed", lambda _: True, NOW, cancelled=True)
    assert asyncio.run(settling) is None
    assert store.instances.get("alice-1").state == "starting"


@pytest.mark.parametrize(
    ("states", "belongs"),
    [
        ([Pending(message=taken_by("me")), Running()], True),
        ([Pending(message=taken_by("me")), Running(), AwaitingRetry(), Pending(message=taken_by("you"))], False),
        ([Pending(), Running()], True),
        ([Scheduled()], True),
    ],
    ids=["mine", "another's by now", "taken by an older version", "never taken"],
)
def test_a_run_belongs_to_the_process_that_took_it_last(states, belongs):
    assert belongs_to("me", states) is belongs


def test_an_operators_retries_are_not_counted_and_begin_the_count_anew():
    assert reruns_in([AwaitingRetry(message="Retry from the UI"), Running()]) == 0
    assert reruns_in([AwaitingRetry(message=AGAIN), Running(), AwaitingRetry(message=AGAIN)]) == 2
    assert reruns_in([AwaitingRetry(message=AGAIN), Failed(), AwaitingRetry(message="Retry from the UI")]) == 0
