"""Which flow runs are taken for lost: never one whose worker lives."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.sorting import FlowRunSort

from pool.housekeeping.lost_runs import Follows, RunState, SeenRun, lost, what_follows
from tasks.housekeeping import lost_runs
from tasks.runs import OVERLAP, PAGE
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit


def a_run(state=RunState.RUNNING, **values) -> SeenRun:
    return SeenRun("1", "configure main-01", state, NOW, **values)


@pytest.mark.parametrize(("state", "limit"), [(RunState.PENDING, 600), (RunState.CANCELLING, 300)])
def test_a_run_that_stays_where_a_worker_keeps_it_for_moments_is_lost(state, limit):
    assert lost(a_run(state), later(limit)) == ""
    assert lost(a_run(state), later(limit + 1)).startswith(("pending for 601 s", "being cancelled for 301 s"))


def test_a_run_whose_heart_beats_is_never_lost_however_long_it_takes():
    assert lost(a_run(heartbeat=later(99990), longest=600), later(99999)) == ""


def test_a_run_whose_heart_stopped_is_lost_after_ten_minutes():
    beating = a_run(heartbeat=later(60), longest=3000)
    assert lost(beating, later(660)) == ""
    assert lost(beating, later(661)) == "no heartbeat for 601 s: its worker died"


def test_a_run_that_was_never_heard_of_is_lost_after_the_longest_time_that_its_flow_can_take():
    assert lost(a_run(longest=3000), later(3000)) == ""
    assert lost(a_run(longest=3000), later(3001)) == "running for 3001 s, longer than it can take"
    assert lost(a_run(), later(99999)) == ""


@pytest.mark.parametrize(
    ("values", "follows", "says"),
    [
        ({}, Follows.RERUN, "Its worker died; it is run again (1 of 3)."),
        ({"reruns": 2}, Follows.RERUN, "Its worker died; it is run again (3 of 3)."),
        ({"reruns": 3}, Follows.FAILED, "Its worker died; it was run again 3 times, and is given up."),
        ({"by_schedule": True}, Follows.CRASHED, "Its worker died; the next run of its schedule goes on."),
        ({"cancelling": True, "by_schedule": True}, Follows.CANCELLED, "Flow run was cancelled; its worker died."),
    ],
)
def test_a_request_is_kept_and_a_scheduled_run_is_not(values, follows, says):
    lost_run = {"cancelling": False, "by_schedule": False, "reruns": 0} | values
    assert what_follows("its worker died", **lost_run) == (follows, says)


class Books:
    """A Prefect server with many runs; after the first page, some of those on it end."""

    def __init__(self, runs: int):
        self.runs = [
            SimpleNamespace(id=n, flow_id=n % 3, deployment_id=1, state=SimpleNamespace(timestamp=NOW))
            for n in range(runs)
        ]
        self.flows_read = list[int]()

    async def read_flow_runs(self, *, limit: int, offset: int, sort: FlowRunSort, **_filters) -> list:
        assert sort is FlowRunSort.EXPECTED_START_TIME_ASC
        page = self.runs[offset : offset + limit]
        self.runs = self.runs if offset else self.runs[OVERLAP:]
        return page

    async def read_flow(self, flow_id: int) -> SimpleNamespace:
        self.flows_read.append(flow_id)
        return SimpleNamespace(name=f"flow {flow_id}")


def test_runs_on_later_pages_are_found_though_some_end_meanwhile():
    books: Any = Books(2 * PAGE + 7)
    found = asyncio.run(lost_runs._old_runs(books))
    assert [run.id for run in found] == list(range(2 * PAGE + 7))


def test_each_flow_is_asked_for_its_name_once():
    books: Any = Books(9)
    names = asyncio.run(lost_runs._names_of_flows(books, {run.flow_id for run in books.runs}))
    assert names == {0: "flow 0", 1: "flow 1", 2: "flow 2"}
    assert sorted(books.flows_read) == [0, 1, 2]
