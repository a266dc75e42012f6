"""One point from end to end, on a stack of paper whose runs are threads that come by the hooks."""

import threading
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from pool.states import EndCause, InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.campaign import STOCK, Campaign
from tests.reliability.hooks import sitecustomize as hooks
from tests.reliability.judging import Judgement
from tests.reliability.orders import Orders
from tests.reliability.points import END, PROVISION, TAKE, Point
from tests.reliability.victims import Battlefield
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.pool_data import run as begin_to_run
from tests.rigs.services.databases import new_store
from tests.rigs.stacks.stack import Stack

pytestmark = pytest.mark.unit


class Killed(Exception):  # noqa: N818 - "raise Killed" reads as a sentence
    """The process of the run is dead."""


class PaperRuns(Stack):
    """Each run is a thread of one worker; a blow ends all threads, and its successor runs what had not ended."""

    def __init__(self, folder, store: PoolStore, reruns: bool) -> None:
        super().__init__(folder, 1, 2)
        self.store, self.reruns = store, reruns
        self.worker, self.turn, self.threads = 0, threading.Lock(), list[threading.Thread]()
        self.states: dict[str, list[str]] = {}
        self.asked: dict[str, tuple[str, dict]] = {}

    def trigger(self, deployment: str, **parameters) -> str:
        run = uuid4().hex
        self.asked[run], self.states[run] = (deployment.partition("/")[0], parameters), ["SCHEDULED"]
        self._start(run)
        return run

    def finish(self, run: str, seconds: int = 180) -> tuple[str, str]:
        return "COMPLETED", ""

    def api(self, method: str, path: str, **kwargs) -> httpx.Response:
        if path == "/events/filter":
            return httpx.Response(200, json={"events": []})
        states = enumerate(self.states[kwargs["params"]["flow_run_id"]])
        return httpx.Response(200, json=[{"type": s, "name": s, "message": "", "timestamp": n} for n, s in states])

    def answer(self, instance_id: str) -> dict:
        return {}

    def restart(self) -> None:
        self.worker += 1
        for run in [run for run, states in self.states.items() if states[-1] != "COMPLETED"]:
            if self.reruns:
                self._start(run)
            else:
                self.states[run].append("CRASHED")

    def _start(self, run: str) -> None:
        self.threads.append(threading.Thread(target=self._carry_out, args=(run, self.worker), daemon=True))
        self.threads[-1].start()

    def _carry_out(self, run: str, worker: int) -> None:
        pipeline, parameters = self.asked[run]
        steps = {PROVISION: self._provision, END: self._end}.get(pipeline, lambda _: iter(()))
        try:
            self._come_to((TAKE, "after"), pipeline, parameters, worker)
            for step in steps(parameters.get("instance_id", "")):
                self._come_to(step, pipeline, parameters, worker)
        except Killed:
            return
        self.states[run].append("COMPLETED")

    def _come_to(self, step: tuple[str, str], pipeline: str, parameters: dict, worker: int) -> None:
        hooks.reached(*step, pipeline, parameters)
        if worker != self.worker:
            raise Killed

    def _provision(self, name: str) -> Iterator[tuple[str, str]]:
        yield "record_instance", "before"
        with self.turn:
            ask(self.store, name)
        yield "give_out_room", "before"
        with self.turn:
            if self.store.instances.get(name).state is InstanceState.QUEUED:
                place(self.store, name)
        yield "start_container", "after"
        begin_to_run(self.store, name)

    def _end(self, name: str) -> Iterator[tuple[str, str]]:
        yield "withdraw_route", "after"
        self.store.instances.move(name, InstanceState.STOPPING, NOW, cause=EndCause.REQUESTED)
        self.store.instances.move(name, InstanceState.DELETED, NOW, cause=EndCause.REQUESTED)


class PaperField(Battlefield):
    """Whatever is to die, it is the worker."""

    stack: PaperRuns

    def strike(self, victim, pid, host):
        self.stack.restart()

    def bring_back(self, victim):
        pass

    def wait_until_back(self):
        pass


@pytest.fixture
def struck(tmp_path, monkeypatch):
    """Strikes at a point; what came of it."""
    monkeypatch.setenv("KILL_ORDER", str(tmp_path / "kill.order"))
    store = new_store(tmp_path)
    claim_active(store, slots=STOCK + 6)

    def strike(point: Point, reruns: bool = True, field_of=PaperField):
        field = field_of(PaperRuns(tmp_path, store, reruns))
        campaign = Campaign(field, store, Orders(tmp_path / "kill.order"), lambda *_: Judgement())
        outcome = campaign.strike(point)
        for thread in field.stack.threads:
            thread.join(1)  # one whose process is dead waits for ever
        return outcome or campaign.unjudged

    return strike


def test_six_requests_are_in_flight_and_served_where_the_successor_runs_them_again(struck):
    outcome = struck(Point(PROVISION, "record_instance", "before"))
    assert (outcome.became, outcome.requests, str(outcome.found)) == ("session running", "6 served", "nothing")


def test_requests_whose_runs_crash_are_counted_as_lost(struck):
    outcome = struck(Point(PROVISION, TAKE, "after"), reruns=False)
    assert outcome.requests == "6 lost"
    assert len(outcome.found.accepted_lost) == 6


def test_a_stack_that_does_not_come_back_from_a_blow_is_on_record_though_the_point_is_tried_again(struck):
    class Ruin(PaperField):
        def strike(self, victim, pid, host):
            self.stack.worker += 1  # which is dead
            raise AssertionError("make up after the power was cut: it failed")

    (said,) = struck(Point(PROVISION, "record_instance", "before"), field_of=Ruin)
    assert said.endswith("AssertionError: make up after the power was cut: it failed")
