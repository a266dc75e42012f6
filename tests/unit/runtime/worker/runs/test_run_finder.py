"""By what a warm worker finds the runs that are due."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

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
