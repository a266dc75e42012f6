"""More requests than room, all at once, through the real pipelines, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from blocks.outside import standing_in
from blocks.turns import Turns
from flows.steps.ahead import FoundRun, begin_alone, place_sessions, record_sessions
from pool.errors import EngineTrouble, NoRoom, NotFound
from pool.states import HostState
from tasks.sessions.coming_runs import beginning_of
from tests.rigs.pool_data import NOW, claim
from tests.rigs.stacks.paper_stack import PaperStack

pytestmark = pytest.mark.contract

PROVISION, DEPROVISION = "provision-instance/on-demand", "deprovision-instance/on-demand"


@pytest.fixture
def stack(store):
    stack = PaperStack(store)
    yield stack
    stack.close()


def requests(*numbers: int) -> list[dict]:
    return [{"instance_id": f"s-{number:03}", "blueprint": "jupyter"} for number in numbers]


def named(stack, state: str) -> set[str]:
    return {instance.id for instance in stack.store.instances.all("main") if instance.state == state}


# What holds on both is tried on each by the tests below, with fewer requests.
@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.nightly), "postgresql"], indirect=True)
def test_of_100_requests_at_once_for_30_slots_30_run_and_70_wait_and_start_in_order(stack):
    for _ in range(3):
        stack.add_host(slots=10)
    runs = stack.ask_at_once(PROVISION, requests(*range(100)))
    answers = [run.result()["state"] for run in runs]
    stack.settle()
    assert (answers.count("running"), answers.count("queued")) == (30, 70)
    assert stack.states() == {"running": 30, "queued": 70}
    assert {(host.reserved, host.slots) for host in stack.store.hosts.all()} == {(10, 10)}
    assert stack.engine.containers.keys() == {f"dd-{name}" for name in named(stack, "running")}

    line, over = [one.id for one in stack.store.instances.queue("main")], sorted(named(stack, "running"))[:7]
    for run in stack.ask_at_once(DEPROVISION, [{"instance_id": name} for name in over]):
        run.result()
    stack.settle()
    assert [one.id for one in stack.store.instances.queue("main")] == line[7:]
    assert named(stack, "running") >= set(line[:7])
    assert stack.states() == {"running": 30, "queued": 63, "deleted": 7}
    assert len(stack.engine.containers) == len(stack.gateway.routes) == 30


def test_a_class_that_arrives_together_is_started_by_the_runs_that_it_asked_for_alone(stack):
    stack.add_host(slots=30)
    answers = [run.result()["state"] for run in stack.ask_at_once(PROVISION, requests(*range(30)))]
    stack.settle()
    assert answers == ["running"] * 30
    assert (stack.states(), stack.asked_for_by_runs) == ({"running": 30}, 0)


def test_sessions_that_were_recorded_ahead_are_started_once_each_by_the_runs_that_were_asked_for(stack):
    stack.add_host(slots=20)
    found = [FoundRun(str(uuid4()), request | {"user": "", "options": None}, NOW) for request in requests(*range(30))]
    with standing_in(stack.outside):
        asyncio.run(record_sessions(found))
        assert [one.id for one in stack.store.instances.queue("main")] == [f"s-{number:03}" for number in range(30)]
        asyncio.run(place_sessions(found))
    answers = [run.result()["state"] for run in stack.ask_at_once(PROVISION, requests(*range(30)))]
    stack.settle()
    assert (answers.count("running"), answers.count("queued"), stack.asked_for_by_runs) == (20, 10, 0)
    assert sorted(stack.engine.runs) == sorted(f"dd-{name}" for name in named(stack, "running"))
    assert stack.states() == {"running": 20, "queued": 10}


def ask_alone(stack, request: dict, threads: ThreadPoolExecutor) -> Future:
    """Have a run begin while its process records its session and gives it room, as for one that it found alone."""

    def beside(run: str, end: Callable[[], None]) -> None:
        with standing_in(stack.outside):
            asyncio.run(begin_alone(FoundRun(run, request | {"user": "", "options": None}, NOW)))
        end()

    def start() -> None:
        run = stack.outside.prefect.run_id
        threads.submit(beside, run, stack.outside.turns.begin_work(beginning_of(run)))

    return stack.ask(PROVISION, start, **request)


def test_sessions_that_are_recorded_beside_the_taking_of_their_runs_are_started_once_each_by_these_alone(stack):
    stack.add_host(slots=20)
    with ThreadPoolExecutor(30) as threads:
        runs = [ask_alone(stack, request, threads) for request in requests(*range(30))]
        answers = [run.result()["state"] for run in runs]
    stack.settle()
    assert (answers.count("running"), answers.count("queued"), stack.asked_for_by_runs) == (20, 10, 0)
    assert sorted(stack.engine.runs) == sorted(f"dd-{name}" for name in named(stack, "running"))
    assert [(host.reserved, host.slots) for host in stack.store.hosts.all()] == [(20, 20)]


@pytest.mark.parametrize("done", [record_sessions, lambda runs: begin_alone(*runs)], ids=["recorded", "with room"])
def test_a_session_whose_worker_died_beside_the_taking_of_its_run_is_started_once_by_the_run_when_it_runs_again(
    stack, done
):
    stack.add_host(slots=1)
    with standing_in(stack.outside):
        asyncio.run(done([FoundRun(str(uuid4()), requests(1)[0] | {"user": "", "options": None}, NOW)]))
    stack.outside = replace(stack.outside, turns=Turns())  # of another process
    assert provision(stack, "s-001")["state"] == "running"
    assert (stack.engine.runs, stack.asked_for_by_runs) == (["dd-s-001"], 0)
    assert [host.reserved for host in stack.store.hosts.all()] == [1]


def provision(stack, name: str, **options) -> dict:
    """Ask and wait for the answer, and for whatever it led to."""
    answer = stack.ask(PROVISION, instance_id=name, blueprint="jupyter", options=options).result()
    stack.settle()
    return answer


def deprovision(stack, name: str) -> None:
    stack.ask(DEPROVISION, instance_id=name).result()
    stack.settle()


def test_a_waiting_session_is_told_its_place_and_starts_when_room_appears(stack):
    stack.add_host(slots=1)
    assert provision(stack, "first")["state"] == "running"
    for place, name in enumerate(("second", "third"), start=1):
        answer = provision(stack, name)
        assert (answer["state"], answer["position"], answer["host"]) == ("queued", place, None)
    deprovision(stack, "first")
    assert [stack.answers[name]["state"] for name in ("first", "second", "third")] == ["deleted", "running", "queued"]
    assert stack.gateway.notices[stack.store.instances.get("third").route].position == 1


def test_a_tick_shows_platform_and_visitors_the_same_places(stack):
    waiting = ("first", "second")
    for name in waiting:
        provision(stack, name)
    stack.answers.clear()
    stack.gateway.notices.clear()
    stack.tick()
    assert [stack.answers[name]["position"] for name in waiting] == [1, 2]
    assert [stack.gateway.notices[stack.store.instances.get(name).route].position for name in waiting] == [1, 2]


def test_a_new_host_serves_those_that_wait_and_the_newcomer_after_them(stack):
    for name in ("first", "second"):
        provision(stack, name)
    stack.add_host(slots=2)  # and the run that made it active dies
    assert provision(stack, "newcomer")["state"] == "queued"
    assert named(stack, "running") == {"first", "second"}


def test_a_session_whose_host_fails_it_starts_on_another_one(stack):
    stack.engine.broken.add(stack.add_host(slots=1).name)
    stack.add_host(slots=1)
    assert provision(stack, "first")["host"] == "main-02"
    failed = stack.store.hosts.get("main-01")
    assert (failed.errors, failed.reserved) == (1, 0)


def test_a_session_that_fails_makes_room_for_the_next(stack):
    stack.engine.broken.add(stack.add_host(slots=1).name)
    with pytest.raises(EngineTrouble):
        provision(stack, "first")
    assert stack.answers["first"]["state"] == "failed"
    stack.engine.broken.clear()
    assert provision(stack, "second")["state"] == "running"


def test_a_session_that_lost_its_host_waits_in_its_old_place(stack):
    stack.engine.broken.add(stack.add_host(slots=1).name)
    lost = stack.store.instances.request("lost", stack.blueprint, "", {}, NOW)[0]
    stack.store.instances.take_turn(lost.id, "main-01", (), NOW)
    stack.store.hosts.move("main-01", HostState.DRAINING, NOW)
    provision(stack, "late")
    assert provision(stack, "lost")["state"] == "queued"
    assert [one.id for one in stack.store.instances.queue("main")] == ["lost", "late"]


def test_a_waiting_session_that_is_ended_makes_way(stack):
    for name in ("first", "second"):
        provision(stack, name)
    deprovision(stack, "first")
    stack.add_host(slots=1)
    stack.tick()
    stack.settle()
    assert stack.states() == {"deleted": 1, "running": 1}


def test_many_that_serve_the_queue_at_once_start_each_session_once(stack):
    for number in range(6):
        provision(stack, f"s-{number}")
    stack.add_host(slots=4)
    for tick in [stack.tick_soon() for _ in range(8)]:
        tick.result()
    stack.settle()
    assert named(stack, "running") == {"s-0", "s-1", "s-2", "s-3"}
    assert stack.store.hosts.get("main-01").reserved == len(stack.engine.containers) == 4


def test_a_session_that_has_room_and_lost_its_run_is_started_by_another_one(stack):
    stack.add_host(slots=1)
    provision(stack, "first")
    provision(stack, "second")
    stack.lose_triggers = True
    deprovision(stack, "first")
    assert stack.states() == {"deleted": 1, "starting": 1}
    stack.lose_triggers = False
    assert provision(stack, "second")["state"] == "running"


def test_a_session_that_will_not_wait_is_refused(stack):
    stack.add_host(slots=1)
    provision(stack, "first")
    with pytest.raises(NoRoom, match="pool main is full: 1 slot requested, 0 free on 1 active host"):
        provision(stack, "hasty", wait=0)
    assert stack.answers["hasty"]["state"] == "failed"


def test_a_session_whose_image_no_host_has_waits_only_for_a_host_that_will_bring_it(stack):
    stack.store.images.unmark(stack.add_host(slots=1).name, "sha256:jupyter")
    with pytest.raises(NotFound, match="no host of pool main has the image jupyter yet"):
        provision(stack, "first")
    claim(stack.store, "run-2")
    assert provision(stack, "second")["state"] == "queued"


def test_a_request_that_is_asked_twice_while_it_waits_waits_once(stack):
    assert [provision(stack, "first")["position"] for _ in range(2)] == [1, 1]
    assert stack.states() == {"queued": 1}
