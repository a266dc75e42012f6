"""A real engine freezes containers and has them go on: what is seen of them, and what else is done with them then."""

import urllib.request
from dataclasses import replace

import pytest

from blocks.engine.probes.probe import probe
from pool.blame import CONTAINER_GONE
from pool.errors import EngineTrouble
from pool.housekeeping.found import ContainerOutcome
from pool.records import ContainerSpec
from tests.rigs.waiting import until

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.contract

NAMESPACE = "dd-test"


@pytest.fixture
def spec(image):
    labels = {"dockerdriver.namespace": NAMESPACE, "dockerdriver.instance": "alice"}
    return ContainerSpec(name="dd-alice", image=image.id, port=8888, host_port=20001, memory_mb=32, labels=labels)


def answers(host, spec) -> bool:
    """Whether the container answers HTTP within half a second."""
    try:
        return urllib.request.urlopen(f"http://{host.address}:{spec.host_port}/", timeout=0.5).read() == b"here"
    except OSError:
        return False


@pytest.fixture
def frozen(host, engine, spec) -> str:
    """Name of a container that answered and is frozen."""
    engine.run(spec)
    until(lambda: answers(host, spec), "it answers")
    engine.freeze(spec.name)
    return spec.name


def outcomes(engine) -> list[ContainerOutcome]:
    return [one.outcome for one in probe(engine, NAMESPACE).containers]


def test_a_frozen_container_answers_nothing_and_goes_on_where_it_was(host, engine, spec, frozen):
    assert not answers(host, spec)
    assert (engine.find(frozen).frozen, engine.find(frozen).running) == (True, True)
    engine.thaw(frozen)
    assert answers(host, spec)
    assert not engine.find(frozen).frozen


def test_what_housekeeping_sees_of_it_is_that_it_is_frozen_and_not_that_it_ended(engine, frozen):
    assert outcomes(engine) == [ContainerOutcome.FROZEN]
    engine.thaw(frozen)
    assert outcomes(engine) == [ContainerOutcome.RUNS]


def test_freezing_and_thawing_twice_is_harmless_and_so_is_thawing_what_is_not_there(engine, frozen):
    engine.freeze(frozen)
    engine.thaw(frozen)
    engine.thaw(frozen)
    engine.thaw("dd-nobody")
    assert not engine.find(frozen).frozen


@pytest.mark.parametrize("begin", ["run", "start"])
def test_one_that_is_to_run_goes_on_and_is_not_made_anew(host, engine, spec, frozen, begin):
    before = engine.find(frozen).id
    engine.run(spec) if begin == "run" else engine.start(frozen)
    assert engine.find(frozen).id == before
    assert answers(host, spec)


def test_one_that_has_ended_or_is_not_there_is_not_frozen_and_no_host_is_at_fault(engine, spec):
    engine.run(replace(spec, command=("true",)))
    until(lambda: engine.find(spec.name).status == "exited", "it has ended")
    for name in (spec.name, "dd-nobody"):
        with pytest.raises(EngineTrouble) as trouble:
            engine.freeze(name)
        assert trouble.value.blame is CONTAINER_GONE


def test_a_frozen_one_is_removed_and_stopped_like_any_other(engine, spec, frozen):
    engine.stop(frozen, 1)
    assert engine.find(frozen).status == "exited"
    engine.start(frozen)
    engine.freeze(frozen)
    engine.remove(frozen)
    assert engine.find(frozen) is None


def test_it_costs_no_processor_time(host, engine, spec):
    engine.run(replace(spec, command=("sh", "-c", "while :; do :; done")))
    engine.freeze(spec.name)
    with engine.client("look") as client:
        pid = client.inspect_container(spec.name)["State"]["Pid"]
    before, after = host.answer(f"cat /proc/{pid}/stat; sleep 0.5; cat /proc/{pid}/stat").splitlines()
    assert before.split()[13:17] == after.split()[13:17]  # its own time, and its children's


def test_after_a_power_cut_of_its_host_it_runs_and_is_not_frozen(host, engine, spec, frozen):
    host.cut_power()
    host.start()
    until(lambda: answers(host, spec), "the engine has started it again")
    assert outcomes(engine) == [ContainerOutcome.RUNS]


def test_after_a_shutdown_of_its_host_it_does_not_pass_for_frozen(host, engine, spec, frozen):
    host.stop()
    host.start()
    assert outcomes(engine) != [ContainerOutcome.FROZEN]
