"""Which runs of others count as work: what they are in Prefect's books, and what odd things a platform may send."""

import asyncio
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import AwaitingRetry, Cancelled, Running, Scheduled

from blocks.outside import standing_in
from pool.errors import NotFound
from pool.records import FlavorSize, Instance
from pool.states import InstanceState
from tasks.housekeeping.observing import _named, _unrecorded
from tasks.runs import cancelled_in_queue, longest_seconds, runs_under_way
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import NOW, an_instance, later
from tests.rigs.prefect_runs import Books, a_run

pytestmark = pytest.mark.unit


class Instances:
    """One session on record, which may take an hour to start."""

    def get(self, instance_id: str) -> Instance:
        if instance_id != "alice-1":
            raise NotFound(instance_id)
        return an_instance(start_timeout=3600)


class Store:
    instances, writes = Instances(), 0


def counted(flow: str, *runs: FlowRun, at=NOW) -> list[FlowRun]:
    door = fake_outside(prefect=Books(*runs), store=Store())
    door.clock.moment = at
    with standing_in(door):
        return asyncio.run(runs_under_way.fn(flow))


def due(seconds: float, kind=Scheduled) -> FlowRun:
    return a_run(kind(scheduled_time=later(seconds), timestamp=NOW), instance_id="alice-1")


@pytest.mark.parametrize("flow", ["spawn-host", "configure-host", "deprovision-instance", "provision-instance"])
def test_a_run_that_is_scheduled_for_tonight_works_on_nothing_until_then(flow):
    tonight = due(12 * 3600)
    assert counted(flow, tonight) == []
    assert counted(flow, tonight, at=later(12 * 3600 - 60)) == [tonight]


@pytest.mark.parametrize("kind", [Scheduled, AwaitingRetry])
def test_a_run_that_is_due_within_a_minute_counts(kind):
    soon = due(60, kind)
    assert counted("deprovision-instance", soon) == [soon]
    assert counted("deprovision-instance", due(61, kind)) == []


def test_a_run_counts_from_when_it_began_for_as_long_as_it_can_take():
    began_late = a_run(Running(timestamp=later(500)))
    assert counted("configure-host", began_late, at=later(3499)) == [began_late]
    assert counted("configure-host", began_late, at=later(3501)) == []


@pytest.mark.parametrize(("session", "longest"), [("alice-1", 2 * 3600 + 480), ("unheard-of", 600), (7, 600)])
def test_a_start_takes_as_long_as_its_own_session_may(session, longest):
    run = a_run(instance_id=session)
    assert counted("provision-instance", run, at=later(longest - 1)) == [run]
    assert counted("provision-instance", run, at=later(longest + 1)) == []


def test_how_long_a_run_of_an_unknown_flow_can_take_is_not_known():
    assert asyncio.run(longest_seconds("another-flow", a_run())) is None


@pytest.mark.parametrize("odd", ["medium", 5, None, ["small"], {"a": 1}])
def test_an_odd_flavor_in_a_run_of_anothers_takes_only_itself_out_of_the_count(odd):
    runs = [a_run(number=1, flavor=odd), a_run(number=2, flavor="large"), a_run(number=3)]
    with standing_in(fake_outside()):
        sizes = _unrecorded(runs, "main", ())
    assert sizes == (FlavorSize.LARGE, FlavorSize.SMALL)


@pytest.mark.parametrize("odd", [None, 5, ["alice-1"], {}])
def test_an_odd_name_in_a_run_of_anothers_stands_for_nothing(odd):
    with standing_in(fake_outside()):
        assert _named([a_run(instance_id=odd), a_run(instance_id="bob-1")], "instance_id") >= {"bob-1"}


def seen_of(queued: list[Instance], *runs: FlowRun) -> frozenset[str]:
    store = SimpleNamespace(timings=SimpleNamespace(of=lambda _: {}), writes=0)
    with standing_in(fake_outside(prefect=Books(*runs), store=store)):
        return asyncio.run(cancelled_in_queue.fn(queued))


def test_a_queued_session_whose_only_run_was_cancelled_is_seen_as_such_and_one_of_another_is_not():
    queued = [an_instance("alice-1", state=InstanceState.QUEUED), an_instance("bob-1", state=InstanceState.QUEUED)]
    assert seen_of(queued, a_run(Cancelled(timestamp=NOW), instance_id="alice-1")) == {"alice-1"}
    assert seen_of(queued, a_run(Cancelled(timestamp=NOW), instance_id="carl-1")) == frozenset()


def test_a_queued_session_that_another_run_still_asks_for_is_not_seen_as_cancelled():
    queued = [an_instance("alice-1", state=InstanceState.QUEUED)]
    runs = a_run(Cancelled(timestamp=NOW), instance_id="alice-1"), a_run(number=2, instance_id="alice-1")
    assert seen_of(queued, *runs) == frozenset()
