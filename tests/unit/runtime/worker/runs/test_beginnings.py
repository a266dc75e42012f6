"""Of runs that are found together, what can be done for all comes first; then a few begin at a time."""

import asyncio
import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow

from blocks.turns import Turns
from flows.steps.ahead import AHEAD, Ahead
from pool.reports import run_tags
from runtime.worker.runs.beginnings import MOST_AT_ONCE, Beginnings
from tasks.sessions.coming_runs import beginning_of
from tests.rigs.pool_data import NOW

pytestmark = pytest.mark.unit

DEPLOYMENT = uuid4()
BACKGROUND: list[asyncio.Future] = []  # what tests started: a loop keeps no task that nothing else does


@flow(name="provision-any")
async def provision_any(instance_id: str, user: str = "") -> None:
    """Stands for a flow whose runs have something in common."""


class Flows:
    """One deployment, which was read a moment ago."""

    def entrypoint_of(self, deployment):
        return "any:provision_any"

    async def get(self, entrypoint):
        return provision_any


def is_done_ahead(monkeypatch, **steps):
    """Have this be done for runs of this flow, and nothing else."""
    monkeypatch.setitem(AHEAD, "provision-any", replace(Ahead(*[nothing] * 5), **steps))


async def nothing(*_):
    return {}


@pytest.fixture
def together(monkeypatch):
    """What was done for several runs: the parameters of those that it was done for, each time."""
    done = []

    async def note(runs):
        done.append([dict(run.parameters) for run in runs])
        return {}

    is_done_ahead(monkeypatch, record=note)
    return done


def in_background(work, *args):
    BACKGROUND.append(asyncio.ensure_future(work(*args)))


@pytest.fixture
def beginnings():
    worker: Any = SimpleNamespace(log=logging.getLogger("test"), in_background=in_background, isolates_runs=False)
    flows: Any = Flows()
    turns = Turns()
    return Beginnings(worker, flows, works=lambda: turns)


def a_run(auto=False, tags=(), **parameters):
    kept = {"deployment_id": DEPLOYMENT, "auto_scheduled": auto, "tags": tags, "expected_start_time": NOW}
    return SimpleNamespace(id=uuid4(), parameters=parameters, **kept)


def test_what_several_runs_have_in_common_is_done_at_once_with_the_defaults_of_their_flow(together, beginnings):
    asyncio.run(beginnings.prepare([a_run(instance_id="s-1"), a_run(instance_id="s-2", user="ada")]))
    assert together == [[{"instance_id": "s-1", "user": ""}, {"instance_id": "s-2", "user": "ada"}]]


def test_a_run_that_is_found_alone_begins_without_what_several_have_in_common(together, beginnings):
    asyncio.run(beginnings.prepare([a_run(instance_id="s-1")]))
    assert together == []


@pytest.fixture
def beside(monkeypatch):
    """For which runs something was done beside their taking; `goes_on` lets it end."""
    done, undone, goes_on = [], [], asyncio.Event()

    async def undo():
        undone.append("undone")

    async def alone(run):
        await goes_on.wait()
        done.append(run.parameters["instance_id"])
        return {run.id: undo}

    is_done_ahead(monkeypatch, alone=alone)
    return SimpleNamespace(done=done, undone=undone, goes_on=goes_on)


async def begin_alone(beginnings, run) -> None:
    await beginnings.prepare([run])
    beginnings.begin_beside(run)


def test_what_is_done_for_a_run_that_is_found_alone_keeps_its_taking_waiting_for_nothing_and_its_flow_for_it(
    beginnings, beside
):
    async def first_line() -> list[str]:
        run = a_run(instance_id="s-1")
        await begin_alone(beginnings, run)
        flow = asyncio.create_task(beginnings._works().end_of_work(beginning_of(str(run.id)), 60))
        await asyncio.sleep(0.01)
        waits = not flow.done()
        beside.goes_on.set()
        await flow
        return [*beside.done, waits]

    assert asyncio.run(first_line()) == ["s-1", True]


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_is_still_done_beside_the_taking_of_a_run_is_undone_once_it_is_done_where_the_run_was_cancelled(
    beginnings, beside, cancelled
):
    async def taken_and_settled() -> None:
        run = a_run(instance_id="s-1")
        await begin_alone(beginnings, run)
        asyncio.get_running_loop().call_later(0.02, beside.goes_on.set)
        await beginnings.settle(run, cancelled)

    asyncio.run(taken_and_settled())
    assert (beside.done, beside.undone) == (["s-1"], ["undone"] * cancelled)


def test_a_run_that_another_process_took_is_left_to_it_once_nothing_is_done_beside_it_any_more(
    monkeypatch, beginnings, beside
):
    async def leave(_run, _is_over):
        beside.done.append("left")

    async def taken_elsewhere() -> None:
        run = a_run(instance_id="s-1")
        await begin_alone(beginnings, run)
        asyncio.get_running_loop().call_later(0.02, beside.goes_on.set)
        await beginnings.leave(run, True)

    monkeypatch.setitem(AHEAD, "provision-any", replace(AHEAD["provision-any"], leave=leave))
    asyncio.run(taken_elsewhere())
    assert beside.done == ["s-1", "left"]


@pytest.mark.parametrize(("found_with", "isolates"), [([], True), ([a_run(instance_id="s-2")], False)])
def test_nothing_is_done_beside_a_run_that_was_prepared_with_others_or_gets_a_process_of_its_own(
    beginnings, beside, found_with, isolates
):
    async def begin() -> None:
        run = a_run(instance_id="s-1")
        beside.goes_on.set()
        await beginnings.prepare([run, *found_with])
        beginnings._worker.isolates_runs = isolates
        beginnings.begin_beside(run)
        await asyncio.sleep(0.02)

    asyncio.run(begin())
    assert beside.done == []


def test_a_run_beside_whose_taking_something_fails_begins_all_the_same(monkeypatch, beginnings):
    async def fail(_run):
        raise ConnectionError("the database is away")

    async def begin() -> str:
        run = a_run(instance_id="s-1")
        await begin_alone(beginnings, run)
        await beginnings.settle(run, cancelled=True)
        return "began"

    is_done_ahead(monkeypatch, alone=fail)
    assert asyncio.run(begin()) == "began"


def test_a_run_that_is_found_while_another_begins_waits_for_its_turn_and_is_prepared_meanwhile(together, beginnings):
    async def found_while_another_begins():
        async with beginnings.turn(a_run(instance_id="s-0")):
            await beginnings.prepare([a_run(instance_id="s-1")])

    asyncio.run(found_while_another_begins())
    assert together == [[{"instance_id": "s-1", "user": ""}]]


def test_a_run_whose_parameters_are_not_its_flows_is_left_out(together, beginnings):
    asyncio.run(beginnings.prepare([a_run(colour="red"), a_run(instance_id="s-2")]))
    assert together == [[{"instance_id": "s-2", "user": ""}]]


def test_other_processes_are_told_of_runs_that_get_a_process_each_before_anything_is_done_for_them(
    monkeypatch, beginnings
):
    done = []

    async def share(runs):
        done.append(f"told of {len(runs)}")

    async def record(_runs):
        done.append("recorded")
        return {}

    is_done_ahead(monkeypatch, share=share, record=record)
    for isolates in (False, True):
        beginnings._worker.isolates_runs = isolates
        asyncio.run(beginnings.prepare([a_run(instance_id="s-1"), a_run(instance_id="s-2")]))
    assert done == ["recorded", "told of 2", "recorded"]


def test_runs_begin_all_the_same_where_what_they_have_in_common_fails(monkeypatch, beginnings):
    async def fail(_runs):
        raise ConnectionError("the database is away")

    async def prepare_and_begin():
        await beginnings.prepare([a_run(instance_id="s-1"), a_run(instance_id="s-2")])
        async with beginnings.turn(a_run(instance_id="s-1")):
            return "began"

    is_done_ahead(monkeypatch, record=fail)
    assert asyncio.run(prepare_and_begin()) == "began"


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_was_done_ahead_is_undone_once_for_a_run_that_was_cancelled_before_it_began(
    monkeypatch, beginnings, cancelled
):
    undone, runs = [], [a_run(instance_id="s-1"), a_run(instance_id="s-2")]

    async def undo():
        undone.append("s-1")

    async def note(found):
        return {found[0].id: undo}

    async def prepare_and_settle():
        await beginnings.prepare(runs)
        for run in (*runs, *runs):
            await beginnings.settle(run, cancelled)

    is_done_ahead(monkeypatch, record=note)
    asyncio.run(prepare_and_settle())
    assert undone == ["s-1"] * cancelled


@pytest.mark.parametrize("away", [True, False])
def test_a_run_that_another_worker_took_is_left_to_it_whatever_happens_meanwhile(monkeypatch, beginnings, away):
    left = []

    async def leave(run, is_over):
        left.append((run.parameters["instance_id"], is_over))
        if away:
            raise ConnectionError("the database is away")

    is_done_ahead(monkeypatch, leave=leave)
    asyncio.run(beginnings.leave(a_run(instance_id="s-1"), True))
    assert left == [("s-1", True)]


def test_what_was_done_ahead_is_undone_though_what_follows_it_failed(monkeypatch, beginnings):
    undone, runs = [], [a_run(instance_id="s-1"), a_run(instance_id="s-2")]

    async def undo():
        undone.append("s-1")

    async def note(found):
        return {found[0].id: undo}

    async def fail(_runs):
        raise ConnectionError("the database is away")

    async def prepare_and_settle():
        await beginnings.prepare(runs)
        await beginnings.settle(runs[0], cancelled=True)

    is_done_ahead(monkeypatch, record=note, place=fail)
    asyncio.run(prepare_and_settle())
    assert undone == ["s-1"]


async def begin_many(beginnings, count: int, auto: bool) -> int:
    """How many of them began at once at the most."""
    at_once, most = set(), []

    async def begin(number):
        async with beginnings.turn(a_run(auto)):
            at_once.add(number)
            most.append(len(at_once))
            await asyncio.sleep(0)
            at_once.discard(number)

    await asyncio.gather(*map(begin, range(count)))
    return max(most)


def test_a_few_runs_begin_at_a_time(beginnings):
    assert asyncio.run(begin_many(beginnings, 20, auto=False)) == MOST_AT_ONCE


def test_a_request_waits_for_no_standby_to_begin(beginnings):
    async def begin_beside_standbys() -> bool:
        begun, others = asyncio.Event(), [a_run(tags=[run_tags.BACKGROUND]) for _ in range(2 * MOST_AT_ONCE)]

        async def begin(run):
            async with beginnings.turn(run):
                await begun.wait()

        standbys = [asyncio.create_task(begin(run)) for run in others]
        await asyncio.sleep(0)
        async with beginnings.turn(a_run(instance_id="s-1")):
            begun.set()
        await asyncio.gather(*standbys)
        return begun.is_set()

    assert asyncio.run(asyncio.wait_for(begin_beside_standbys(), 60))


def test_runs_of_schedules_wait_for_no_turn(beginnings):
    assert asyncio.run(begin_many(beginnings, 20, auto=True)) == 20


@pytest.mark.parametrize("trouble", [None, ConnectionError("the database is away")])
def test_runs_begin_when_what_they_wait_for_is_over_and_others_are_prepared_meanwhile(
    monkeypatch, beginnings, together, trouble
):
    seen, told = [], asyncio.Event()

    async def wait():
        await told.wait()
        if trouble:
            raise trouble

    async def place(_runs):
        return None if told.is_set() or len(together) > 1 else wait

    async def begin(run):
        async with beginnings.turn(run):
            seen.append("begins")

    async def burst():
        await beginnings.prepare([a_run(instance_id="s-1"), a_run(instance_id="s-2")])
        beginning = asyncio.create_task(begin(a_run(instance_id="s-1")))
        await asyncio.sleep(0.01)
        await beginnings.prepare([a_run(instance_id="s-3"), a_run(instance_id="s-4")])
        seen.append(f"prepared {len(together)}")
        told.set()
        await beginning

    monkeypatch.setitem(AHEAD, "provision-any", replace(AHEAD["provision-any"], place=place))
    asyncio.run(burst())
    assert seen == ["prepared 2", "begins"]
