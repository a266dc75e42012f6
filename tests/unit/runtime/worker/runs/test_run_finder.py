"""By what a warm worker finds the runs that are due."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled

from runtime.worker.runs.run_finder import RunFinder

pytestmark = pytest.mark.unit


def finder(paused: bool = False, limit: int | None = None) -> RunFinder:
    """Of a pool with a queue that an operator may have paused or limited."""

    async def read_work_queues(work_pool_name: str) -> list[Any]:
        return [SimpleNamespace(is_paused=paused, concurrency_limit=limit)]

    client = SimpleNamespace(read_work_queues=read_work_queues)
    pool = SimpleNamespace(is_paused=False, concurrency_limit=None)
    worker: Any = SimpleNamespace(client=client, work_pool=pool, work_pool_name="warm")
    states: Any = None
    begin: Any = None
    found = RunFinder(worker, states, begin)
    asyncio.run(found.read_limits())
    return found


@pytest.mark.parametrize("limited", [{"paused": True}, {"limit": 2}])
def test_where_an_operator_limits_the_pool_polls_find_what_events_do_not(limited):
    found, free = finder(**limited), finder()
    assert not free.needs_no_poll
    found.hears = free.hears = True
    assert (found.needs_no_poll, free.needs_no_poll) == (False, True)


class Worker(SimpleNamespace):
    """Of no queue of its own, with no run; keeps how far its polls look ahead."""

    def __init__(self) -> None:
        super().__init__(queues=set(), taken=set(), work_pool=SimpleNamespace(id=UUID(int=1)), ahead=0)

    def look_ahead(self, seconds: int) -> None:
        self.ahead = seconds


def begun(server_ahead: float, due_in: float) -> tuple[int, int]:
    """How many of one run are begun that is due so many seconds from now by the server's clock; how far polls look."""
    worker: Any = Worker()
    states: Any = None
    found: list[Any] = []

    async def begin(due: list[Any]) -> None:
        found.extend(due)

    finder, at = RunFinder(worker, states, begin), datetime.now(UTC) + timedelta(seconds=server_ahead)
    finder.note_clock(at)
    due = at + timedelta(seconds=due_in)
    known = {"flow_id": UUID(int=7), "work_queue_id": UUID(int=8)}
    run = FlowRun(expected_start_time=due, state=Scheduled(scheduled_time=due), **known)
    asyncio.run(finder._take([run]))
    return len(found), worker.ahead


@pytest.mark.parametrize("server_ahead", [-60, 0, 60])
def test_a_run_that_is_due_by_the_servers_clock_begins_whatever_the_workers_clock_says(server_ahead):
    count, ahead = begun(server_ahead, due_in=-0.1)
    assert (count, ahead) == (1, max(0, server_ahead))


def test_a_run_of_later_is_not_begun_for_a_clock_that_is_behind():
    assert begun(60, due_in=30) == (0, 60)
