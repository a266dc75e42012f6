"""A run waits where it is held, and where it is to be struck; all others pass."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.reliability.hooks import sitecustomize as hooks
from tests.reliability.orders import Orders
from tests.reliability.points import AHEAD, END, PROVISION, TAKE, Point, Scene
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit

POINT = Point(PROVISION, "start_container", "before")


@pytest.fixture
def orders(tmp_path, monkeypatch) -> Orders:
    monkeypatch.setenv("KILL_ORDER", str(tmp_path / "kill.order"))
    return Orders(tmp_path / "kill.order")


def coming(step: str, when: str, session: str, pipeline: str = PROVISION) -> threading.Thread:
    """A run that comes to a step; it is alive while it waits there."""
    words = (step, when, pipeline, {"instance_id": session})
    run = threading.Thread(target=hooks.reached, args=words, daemon=True)
    run.start()
    return run


def passes(run: threading.Thread) -> bool:
    run.join(5)
    return not run.is_alive()


def test_a_run_that_comes_to_the_point_says_its_process_and_waits_until_it_was_struck(orders):
    orders.give(POINT, "alice-1")
    run = coming("start_container", "before", "alice-1")
    assert until(orders.struck_process, "it says which process it is", 30) == os.getpid()
    assert run.is_alive()
    orders.go_on()
    assert passes(run)


@pytest.mark.parametrize(
    ("step", "when", "session", "pipeline"),
    [
        ("start_container", "after", "alice-1", PROVISION),
        ("publish_route", "before", "alice-1", PROVISION),
        ("start_container", "before", "alice-1", END),
        ("start_container", "before", "bob-1", PROVISION),
    ],
)
def test_a_run_that_is_elsewhere_passes(orders, step, when, session, pipeline):
    orders.give(POINT, "alice-1")
    assert passes(coming(step, when, session, pipeline))
    assert not orders.struck_process()


def test_an_order_is_carried_out_once(orders):
    orders.give(POINT)
    first = coming("start_container", "before", "alice-1")
    until(orders.struck_process, "the first has come", 30)
    assert passes(coming("start_container", "before", "bob-1"))
    orders.go_on()
    assert passes(first)


def test_a_held_run_waits_until_all_go_on(orders):
    orders.hold("alice-1", TAKE, "after")
    run = coming(TAKE, "after", "alice-1")
    until(lambda: orders.is_held("alice-1"), "it is held", 30)
    assert passes(coming(TAKE, "after", "bob-1"))
    assert run.is_alive()
    orders.go_on()
    assert passes(run)


def test_nothing_is_left_of_an_order_that_is_withdrawn(orders, tmp_path):
    orders.give(POINT)
    orders.hold("alice-1", TAKE, "after")
    orders.withdraw()
    assert [file for file in Path(tmp_path).rglob("*") if file.is_file()] == []


def test_what_a_worker_does_for_several_runs_together_is_struck_when_it_is_done(orders):
    orders.give(Point(PROVISION, AHEAD, "after", scene=Scene.TOGETHER))
    done = []

    async def together(runs: list[str]) -> str:
        done.append(runs)
        return "what undoes it"

    with ThreadPoolExecutor(1) as threads:
        doing = threads.submit(asyncio.run, hooks._together(PROVISION, together, ["run 1", "run 2"]))
        assert until(orders.struck_process, "it says which process it is", 30) == os.getpid()
        assert (done, doing.done()) == ([["run 1", "run 2"]], False)
        orders.go_on()
        assert doing.result(5) == "what undoes it"


def test_a_step_that_a_worker_takes_beside_the_taking_of_a_run_is_held_and_struck_as_one_of_its_flow(orders):
    orders.give(Point(PROVISION, "give_out_room", "after"), "alice-1")
    orders.hold("alice-1", "give_out_room", "before")
    steps = []

    async def step() -> list[str]:
        steps.append("taken")
        return steps

    def beside(run: SimpleNamespace) -> list[str]:
        return asyncio.run(hooks._alone(PROVISION, alone, run))

    async def alone(_run: SimpleNamespace) -> list[str]:
        return await hooks._in_steps("give_out_room", hooks._beside.get() or ("", {}), step)

    with ThreadPoolExecutor(1) as threads:
        doing = threads.submit(beside, SimpleNamespace(parameters={"instance_id": "alice-1"}))
        until(lambda: orders.is_held("alice-1"), "it is held before the step", 30)
        assert steps == []
        (orders.file.with_name("holds") / "alice-1").unlink()
        until(orders.struck_process, "it is to be struck after the step", 30)
        assert (steps, doing.done()) == (["taken"], False)
        orders.go_on()
        assert doing.result(30) == ["taken"]


def test_calls_of_steps_are_watched_beside_the_taking_of_a_run(orders, monkeypatch):
    class Step:
        fn = staticmethod(len)

        async def __call__(self, words: str) -> int:
            return len(words)

    async def beside(_run: SimpleNamespace) -> int:
        return await Step()("four")

    seen = []
    monkeypatch.setattr(hooks, "reached", lambda *said: seen.append(said))
    hooks.watch_tasks(SimpleNamespace(PoolTask=Step))
    assert asyncio.run(hooks._alone(PROVISION, beside, SimpleNamespace(parameters={"user": "ada"}))) == 4
    assert seen == [("len", when, PROVISION, {"user": "ada"}) for when in ("before", "after")]
