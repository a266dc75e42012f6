"""What a tick decides about standbys, and what it does not decide because of them."""

from dataclasses import replace
from typing import Any

import pytest

from docs.reconciliation_table import STANDBYS
from pool.decisions import DecisionKind as Kind
from pool.housekeeping.found import ContainerOutcome, HostDisk, Probe, SeenContainer
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.records import Placement
from pool.settings import PoolSettings
from pool.standbys.spec import StandbySpec
from pool.standbys.standby import Standby, StandbyState
from pool.states import HostState, InstanceState
from pool.timetable import read_timetable
from tests.rigs.pool_data import NOW, a_blueprint, a_host, an_instance, later

pytestmark = pytest.mark.unit

PLACE = Placement("main-01", 20001)
READY = Standby("standby.a", "main", "jupyter", StandbyState.READY, 1, "r", "t", "spec", "image", NOW, NOW, PLACE)

STARTING = replace(READY, state=StandbyState.STARTING)


def planned(hosts, standbys=(), wanted=1, now=NOW, outcome=ContainerOutcome.RUNS, seen=None, frozen=False, **settings):
    there = [SeenContainer(one.container, one.id, outcome) for one in standbys if one.host]
    blueprint = a_blueprint(standby=wanted, standby_frozen=frozen)
    observation = Observation(
        tuple(hosts),
        (),
        {host.name for host in hosts},
        probes={host.name: Probe(True, tuple(there)) for host in hosts if host.state is HostState.ACTIVE},
        standbys=tuple(standbys),
        specs={"jupyter": StandbySpec(blueprint, "spec", {"main-01": "image"})} if wanted else {},
    )
    decisions = plan(replace(observation, **seen or {}), PoolSettings(**{"free_slot_target": 0} | settings), now)
    return [(one.kind, one.subject) for one in decisions]


def test_a_pool_whose_standbys_are_there_and_answer_needs_nothing():
    assert planned([a_host(standby=1)], [READY]) == []


def test_a_standby_that_is_missing_begins():
    assert planned([a_host()]) == [(Kind.START_STANDBY, "main-01/jupyter")]


@pytest.mark.parametrize(("frozen", "age", "ends"), [(False, 181, True), (True, 239, False), (True, 241, True)])
def test_one_that_runs_on_before_it_is_frozen_may_start_for_so_much_longer(frozen, age, ends):
    blueprint = a_blueprint(standby=1, standby_frozen=frozen, standby_warm_up=60)
    specs = {"jupyter": StandbySpec(blueprint, "spec", {"main-01": "image"})}
    kinds = [kind for kind, _ in planned([a_host(standby=1)], [STARTING], now=later(age), seen={"specs": specs})]
    assert (Kind.END_STANDBY in kinds) is ends


def test_as_many_are_wanted_as_the_timetable_says_at_this_moment_and_the_reason_names_its_line():
    blueprint = a_blueprint(standby=0, standby_timetable=("daily 08:00-08:05: 2",))
    spec = StandbySpec(blueprint, "spec", {"main-01": "image"}, read_timetable(blueprint.standby_timetable, "UTC"))
    seen = Observation((a_host(standby=1),), (), {"main-01"}, standbys=(READY,), specs={"jupyter": spec})
    decisions = [plan(seen, PoolSettings(free_slot_target=0), later(seconds)) for seconds in (0, 300)]
    assert [one.reason for [one] in decisions] == [
        "blueprint jupyter wants 2 standbys (daily 08:00-08:05: 2), 1 is there",
        "blueprint jupyter has 1 standby, and wants 0",
    ]


def test_none_begins_and_none_is_spawned_for_where_the_pool_has_no_room():
    assert planned([a_host(reserved=6)]) == planned([]) == []


@pytest.mark.parametrize("outcome", [ContainerOutcome.FAILED, ContainerOutcome.STOPPED_WITH_ENGINE])
def test_one_whose_container_ended_is_replaced(outcome):
    ends = (Kind.END_STANDBY, "standby.a")
    assert planned([a_host(standby=1)], [READY], outcome=outcome) == [ends, (Kind.START_STANDBY, "main-01/jupyter")]


def test_one_that_does_not_answer_is_replaced_and_one_that_cannot_be_seen_is_not():
    assert (Kind.END_STANDBY, "standby.a") in planned([a_host(standby=1)], [READY], seen={"mute": {"standby.a"}})
    assert planned([a_host(standby=1)], [READY], seen={"probes": {}}) == []


def test_a_frozen_one_is_as_it_should_be_while_it_is_frozen_and_is_replaced_where_it_runs():
    assert planned([a_host(standby=1)], [READY], frozen=True, outcome=ContainerOutcome.FROZEN) == []
    assert (Kind.END_STANDBY, "standby.a") in planned([a_host(standby=1)], [READY], frozen=True)
    assert (Kind.END_STANDBY, "standby.a") in planned([a_host(standby=1)], [READY], outcome=ContainerOutcome.FROZEN)


def test_one_that_starts_may_be_frozen_or_not_yet():
    for outcome in (ContainerOutcome.FROZEN, ContainerOutcome.RUNS):
        assert planned([a_host(standby=1)], [STARTING], frozen=True, outcome=outcome) == []


def test_the_run_of_one_that_starts_for_long_is_asked_for_again_until_it_has_had_its_time():
    starts = [planned([a_host(standby=1)], [STARTING], now=later(seconds)) for seconds in (44, 46, 100_000)]
    begins = (Kind.START_STANDBY, "main-01/jupyter")
    assert starts == [[], [(Kind.ASK_STANDBY, "standby.a")], [(Kind.END_STANDBY, "standby.a"), begins]]


def test_the_rows_about_standbys_are_what_the_rules_do():
    without, silent = {"probes": {"main-01": Probe(True)}}, {"probes": {"main-01": Probe(False)}}
    cases: list[dict[str, Any]] = [{}, {"frozen": True}, {"seen": without}, {"seen": silent}]
    decided = [planned([a_host(standby=1, unreachable_since=NOW)], [READY], **one) for one in cases]
    decided.append(planned([a_host(standby=1)], [STARTING], now=later(46)))
    assert [tuple(kind for kind, _ in one) for one in decided] == [row.kinds for row in STANDBYS]


def test_its_room_is_free_room_for_the_target():
    assert planned([a_host(standby=6)], [], wanted=0, free_slot_target=6) == []


def test_a_host_with_none_but_standbys_is_let_go_like_one_without_and_they_end_in_the_same_tick():
    unused = a_host(standby=1, active_at=NOW)
    decided = planned([unused], [READY], now=later(1000))
    assert decided == [(Kind.LET_GO, "main-01"), (Kind.END_STANDBY, "standby.a")]


def test_a_drained_host_with_none_but_standbys_is_removed():
    host = a_host(standby=1, state=HostState.DRAINING)
    assert planned([host], [READY]) == [(Kind.REMOVE, "main-01"), (Kind.END_STANDBY, "standby.a")]


def test_none_begins_while_a_session_waits():
    waits = an_instance(state=InstanceState.QUEUED, host=None, slots=7, expires_at=None)
    assert Kind.START_STANDBY not in dict(planned([a_host()], seen={"instances": (waits,)}, max_hosts=1))


def test_a_container_of_a_standby_or_of_the_session_that_took_it_is_no_orphan():
    container = SeenContainer("dd-standby.a", "standby.a")
    probes = {"main-01": Probe(True, (container,))}
    taken = an_instance(standby="standby.a")
    assert planned([a_host(standby=1)], [READY], seen={"probes": probes}) == []
    assert planned([a_host(reserved=1)], wanted=0, seen={"probes": probes, "instances": (taken,)}) == []
    assert planned([a_host()], wanted=0, seen={"probes": probes, "ended": {"standby.a"}}) == [
        (Kind.REPORT, "container/main-01/dd-standby.a")
    ]


def test_what_an_engine_says_of_the_containers_label_is_said_of_the_session_that_took_it():
    container = SeenContainer("dd-standby.a", "standby.a")
    probes = {"main-01": Probe(True, (container,), out_of_memory=frozenset({"standby.a"}))}
    disks = {"main-01": HostDisk(10, {"standby.a": 900})}
    seen = {"probes": probes, "instances": (an_instance(standby="standby.a"),)}
    assert planned([a_host(reserved=1)], wanted=0, seen=seen) == [(Kind.OUT_OF_MEMORY, "alice-1")]
    assert planned([a_host(reserved=1)], wanted=0, seen=seen | {"disks": disks}) == [(Kind.END_WRITER, "alice-1")]
