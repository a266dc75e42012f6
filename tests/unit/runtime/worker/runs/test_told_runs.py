"""Runs that events tell of are read together where they come together."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from runtime.worker.runs.told_runs import MOST, ToldRuns

pytestmark = pytest.mark.unit


class Server:
    """Answers with the runs that it has, after a moment; keeps what it was asked."""

    def __init__(self, *committed, away=False):
        self.committed, self.asked, self.taken = set(committed), [], []
        self.away = away
        self.runs = ToldRuns(self.read, self.take)

    async def read(self, run_ids):
        self.asked.append(sorted(run_ids))
        await asyncio.sleep(0.001)
        if self.away:
            raise httpx.ConnectError("Connection refused")
        return [SimpleNamespace(id=one) for one in run_ids if one in self.committed]

    async def take(self, runs):
        self.taken += [run.id for run in runs]

    async def told_of(self, *run_ids):
        await asyncio.gather(*map(self.runs.add, run_ids))


def test_a_run_that_comes_alone_is_read_at_once():
    server = Server("r1")
    asyncio.run(server.told_of("r1"))
    assert (server.asked, server.taken) == ([["r1"]], ["r1"])


def test_runs_that_come_while_one_is_read_are_read_by_one_request():
    server = Server(*range(20))
    asyncio.run(server.told_of(*range(20)))
    assert server.asked == [[0], [*range(1, 20)]]
    assert sorted(server.taken) == [*range(20)]


def test_more_runs_than_one_request_may_ask_for_are_all_taken():
    server = Server(*range(MOST + 20))
    asyncio.run(server.told_of(*range(MOST + 20)))
    assert sorted(server.taken) == [*range(MOST + 20)]


def test_a_run_that_the_server_has_not_committed_yet_is_looked_for_again():
    async def told():
        told = asyncio.create_task(server.told_of("r1"))
        await asyncio.sleep(0.01)
        server.committed.add("r1")
        await told

    server = Server()
    asyncio.run(told())
    assert (len(server.asked), server.taken) == (2, ["r1"])


def test_a_run_that_is_nowhere_is_left_to_the_poll():
    server = Server("r2")
    server.runs = ToldRuns(server.read, server.take, patience=0.05)
    asyncio.run(server.told_of("r1", "r2"))
    assert (server.taken, server.asked[-1]) == (["r2"], ["r1"])


def test_the_next_event_is_heard_after_the_server_was_away():
    server = Server("r1", away=True)
    asyncio.run(server.told_of("r1"))
    server.away = False
    asyncio.run(server.told_of("r1"))
    assert server.taken == ["r1"]
