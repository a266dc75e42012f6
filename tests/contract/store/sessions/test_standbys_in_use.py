"""Standbys through the real pipelines, on SQLite and on PostgreSQL; engines and gateway are of paper."""

import asyncio

import pytest

from blocks.outside import standing_in
from pool.errors import EngineTrouble
from pool.standbys.standby import StandbyState
from pool.states import HostState, InstanceState
from tasks.sessions.requests import record_instance
from tests.rigs.stacks.paper_stack import PaperStack

pytestmark = pytest.mark.contract

PROVISION, START = "provision-instance/on-demand", "start-standby/on-demand"


@pytest.fixture
def stack(store):
    stack = PaperStack(store, standby=3)
    yield stack
    stack.close()


@pytest.fixture
def frozen(store):
    """A stack whose standbys are frozen."""
    stack = PaperStack(store, standby=3, frozen=True)
    yield stack
    stack.close()


def a_standby(stack, host: str) -> str:
    """One that is ready; its id."""
    standby = stack.begin_standby(host)
    stack.ask(START, standby_id=standby).result()
    assert stack.store.standbys.get(standby).state is StandbyState.READY
    return standby


def provision(stack, name: str, **options) -> dict:
    answer = stack.ask(PROVISION, instance_id=name, blueprint="jupyter", user="ada", options=options).result()
    stack.settle()
    return answer


def routed(stack, name: str) -> bool:
    """Whether the gateway leads to a session's container."""
    session = stack.store.instances.get(name)
    return stack.gateway.routes[session.route].port == stack.engine.ports[session.container]


def test_a_session_runs_in_the_container_that_stood_by_and_none_is_started_for_it(stack):
    standby = a_standby(stack, stack.add_host(slots=2).name)
    answer = provision(stack, "ada-1")
    assert (answer["state"], stack.engine.runs, routed(stack, "ada-1")) == ("running", [f"dd-{standby}"], True)
    assert stack.store.instances.get("ada-1").expires_at > stack.store.instances.get("ada-1").created_at


def test_a_session_whose_standby_died_a_moment_ago_is_started_where_it_was_under_the_same_address(stack):
    standby = a_standby(stack, stack.add_host(slots=2).name)
    url = stack.store.standbys.get(standby).route
    del stack.engine.containers[f"dd-{standby}"], stack.engine.ports[f"dd-{standby}"]
    assert url in provision(stack, "ada-1")["url"]
    assert (stack.engine.runs, routed(stack, "ada-1")) == ([f"dd-{standby}"] * 2, True)


def test_a_request_whose_process_died_after_it_was_recorded_goes_on_when_it_is_asked_for_again(stack):
    a_standby(stack, stack.add_host(slots=2).name)
    with standing_in(stack.outside):
        asyncio.run(record_instance.fn("ada-1", "jupyter", "ada", {}))
    assert stack.store.instances.get("ada-1").state is InstanceState.STARTING
    assert provision(stack, "ada-1")["state"] == "running"
    assert (len(stack.engine.runs), routed(stack, "ada-1")) == (1, True)


def test_twenty_requests_at_once_have_three_standbys_and_seventeen_containers_of_their_own(stack):
    host = stack.add_host(slots=20).name
    for _ in range(3):
        a_standby(stack, host)
    wanted = [{"instance_id": f"s-{number:02}", "blueprint": "jupyter"} for number in range(20)]
    for run in stack.ask_at_once(PROVISION, wanted):
        run.result()
    stack.settle()
    sessions = stack.store.instances.all("main")
    assert stack.states() == {"running": 20}
    assert len({one.standby for one in sessions}) == 3 + 1
    assert len(stack.engine.containers) == len(stack.engine.runs) == len(stack.gateway.routes) == 20


def test_a_class_has_the_standbys_that_there_are(stack):
    host = stack.add_host(slots=3).name
    a_standby(stack, host)
    sessions = [{"instance_id": f"s-{number}"} for number in range(3)]
    stack.ask("provision-instances/on-demand", sessions=sessions, blueprint="jupyter").result()
    stack.settle()
    assert stack.states() == {"running": 3}
    assert all(routed(stack, one["instance_id"]) for one in sessions)


def test_standbys_make_way_for_a_session_that_finds_no_other_room(stack):
    host = stack.add_host(slots=2).name
    standbys = [a_standby(stack, host) for _ in range(2)]
    assert provision(stack, "ada-1", environment={"COURSE": "bio"})["state"] == "running"
    states = [stack.store.standbys.get(one).state for one in standbys]
    assert sorted(states) == [StandbyState.ENDED, StandbyState.READY]
    assert (stack.engine.containers.keys() >= {"dd-ada-1"}, len(stack.engine.containers)) == (True, 2)


def test_none_makes_way_where_there_is_room_elsewhere(stack):
    a_standby(stack, stack.add_host(slots=1).name)
    stack.add_host(slots=1)
    assert provision(stack, "ada-1", environment={"COURSE": "bio"})["host"] == "main-02"


def test_a_standby_that_does_not_start_has_failed_and_gives_its_room_back(stack):
    host = stack.add_host(slots=1)
    stack.engine.broken.add(host.name)
    standby = stack.begin_standby(host.name)
    with pytest.raises(EngineTrouble):
        stack.ask(START, standby_id=standby).result()
    assert stack.store.standbys.get(standby).state is StandbyState.FAILED
    assert (stack.store.hosts.get(host.name).standby, stack.engine.containers) == (0, {})


def test_a_standby_that_was_given_up_before_it_was_ready_leaves_no_container(stack):
    standby = stack.begin_standby(stack.add_host(slots=1).name)

    def given_up(*_: object) -> bool:
        stack.store.standbys.move(standby, StandbyState.ENDED, stack.outside.clock.now())
        return True

    object.__setattr__(stack.outside, "session_answers", given_up)
    stack.ask(START, standby_id=standby).result()
    assert stack.engine.containers == {}


def test_a_host_is_not_blamed_for_a_standby_that_was_given_up_while_it_started(stack):
    host = stack.add_host(slots=1)
    standby = stack.begin_standby(host.name)

    def given_up(*_: object) -> bool:
        stack.store.standbys.move(standby, StandbyState.ENDED, stack.outside.clock.now())
        raise EngineTrouble("its container is gone")

    object.__setattr__(stack.outside, "session_answers", given_up)
    stack.ask(START, standby_id=standby).result()
    assert (stack.store.hosts.get(host.name).errors, stack.engine.containers) == (0, {})


def test_a_standby_on_a_host_that_drains_is_given_to_no_request(stack):
    host = stack.add_host(slots=2).name
    a_standby(stack, host)
    stack.store.hosts.move(host, HostState.DRAINING, stack.outside.clock.now())
    assert provision(stack, "ada-1")["state"] == "queued"


# Frozen ones


def test_a_frozen_standby_goes_on_in_the_session_that_has_it(frozen):
    standby = a_standby(frozen, frozen.add_host(slots=2).name)
    assert frozen.engine.frozen == {f"dd-{standby}"}
    assert provision(frozen, "ada-1")["state"] == "running"
    assert (frozen.engine.frozen, frozen.engine.runs, routed(frozen, "ada-1")) == (set(), [f"dd-{standby}"], True)


def test_one_that_does_not_answer_when_it_goes_on_is_made_anew_in_its_place(frozen):
    standby = a_standby(frozen, frozen.add_host(slots=2).name)
    del frozen.engine.ports[f"dd-{standby}"]
    assert provision(frozen, "ada-1")["state"] == "running"
    assert (frozen.engine.runs, routed(frozen, "ada-1")) == ([f"dd-{standby}"] * 2, True)


def test_one_that_is_gone_when_it_is_to_be_frozen_has_failed_and_its_host_is_not_blamed(frozen):
    host = frozen.add_host(slots=1)
    standby = frozen.begin_standby(host.name)
    object.__setattr__(frozen.outside, "session_answers", lambda *_: frozen.engine.containers.clear() is None)
    with pytest.raises(EngineTrouble):
        frozen.ask(START, standby_id=standby).result()
    assert frozen.store.standbys.get(standby).state is StandbyState.FAILED
    assert frozen.store.hosts.get(host.name).errors == 0


def held_up(stack, standby: str, meanwhile) -> None:
    """Run its start, and have something happen between the first answer of its container and the next step."""

    def answers(*_: object) -> bool:
        meanwhile()
        return True

    object.__setattr__(stack.outside, "session_answers", answers)
    stack.ask(START, standby_id=standby).result()


def given_to_a_session(stack, standby: str) -> None:
    """What another run does, and a request: the run that looks was held up for longer than its lease lasts."""
    stack.store.standbys.move(standby, StandbyState.READY, stack.outside.clock.now())
    stack.store.instances.request("ada-1", stack.blueprint, "ada", {}, stack.outside.clock.now(), standbys=[standby])


def test_a_run_that_was_held_up_leaves_a_session_the_container_that_it_has_and_not_frozen(frozen):
    standby = frozen.begin_standby(frozen.add_host(slots=1).name)
    held_up(frozen, standby, lambda: given_to_a_session(frozen, standby))
    assert frozen.store.instances.get("ada-1").standby == standby
    assert (frozen.engine.containers.keys(), frozen.engine.frozen) == ({f"dd-{standby}"}, set())


def test_a_run_that_was_held_up_and_fails_ends_no_standby_that_another_one_made_ready(stack):
    standby = stack.begin_standby(stack.add_host(slots=1).name)

    def made_ready() -> None:
        stack.store.standbys.move(standby, StandbyState.READY, stack.outside.clock.now())
        raise EngineTrouble("the engine is away")

    held_up(stack, standby, made_ready)
    assert stack.store.standbys.get(standby).state is StandbyState.READY
    assert stack.engine.containers.keys() == {f"dd-{standby}"}


def test_a_failed_start_takes_no_container_from_a_session_that_has_it(stack):
    standby = stack.begin_standby(stack.add_host(slots=1).name)

    def taken() -> None:
        given_to_a_session(stack, standby)
        raise EngineTrouble("the engine is away")

    held_up(stack, standby, taken)
    assert stack.engine.containers.keys() == {f"dd-{standby}"}
