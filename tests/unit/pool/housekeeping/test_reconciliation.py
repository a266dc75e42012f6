"""Where SQL and the engines differ, and what follows; as `plan` decides it."""

import pytest

from pool.decisions import DecisionKind as Kind
from pool.hosts.backoff import pause
from pool.housekeeping.found import ContainerOutcome, Orphan, Probe, SeenContainer
from pool.housekeeping.observation import Observation
from pool.housekeeping.orphans import CloudPart, lives, part_of
from pool.housekeeping.plan import plan
from pool.housekeeping.reconciliation import off_by
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_host, an_instance, later

pytestmark = pytest.mark.unit

SETTINGS = PoolSettings(free_slot_target=0, host_grace=300)
ORPHAN = "container/main-01/dd-alice-1"


def decided(hosts=None, instances=(), containers=(), now=NOW, servers=..., **seen):
    """What is decided about main-01, on whose engine these containers were seen."""
    hosts = [a_host(reserved=1)] if hosts is None else hosts
    servers = frozenset(host.name for host in hosts) if servers is ... else servers
    seen = {"probes": {"main-01": Probe(answers=True, containers=tuple(containers))}} | seen
    return plan(Observation(tuple(hosts), tuple(instances), servers, **seen), SETTINGS, now)


def told(**situation) -> list[tuple[Kind, str, str]]:
    return [(decision.kind, decision.subject, decision.reason) for decision in decided(**situation)]


def container(
    outcome: ContainerOutcome = ContainerOutcome.RUNS,
    name: str = "dd-alice-1",
    instance: str = "alice-1",
    code: int = 0,
):
    return SeenContainer(name, instance, outcome, code)


# Sessions whose container does not run


def test_a_session_whose_container_runs_is_left_alone():
    assert told(instances=[an_instance()], containers=[container()]) == []


@pytest.mark.parametrize(
    ("found", "kind", "reason"),
    [
        (
            [container(ContainerOutcome.FAILED, code=137)],
            Kind.LOST_CONTAINER,
            "its container on main-01 ended with exit code 137 (SIGKILL: it was killed)",
        ),
        (
            [container(ContainerOutcome.OUT_OF_MEMORY)],
            Kind.LOST_CONTAINER,
            "its container on main-01 ran out of memory",
        ),
        ([], Kind.LOST_CONTAINER, "its container was removed from main-01"),
        ([container(ContainerOutcome.SHUT_DOWN)], Kind.SHUT_DOWN, "its user shut it down"),
        ([container(ContainerOutcome.STOPPED_WITH_ENGINE)], Kind.START_AGAIN, "its host main-01 rebooted"),
    ],
    ids=["exited", "out of memory", "removed by hand", "shut down by its user", "host rebooted"],
)
def test_a_session_whose_container_does_not_run_ends_with_the_reason_or_is_started_again(found, kind, reason):
    assert told(instances=[an_instance()], containers=found) == [(kind, "alice-1", reason)]


def test_a_session_that_has_a_standbys_container_which_is_frozen_still_goes_on():
    found = [container(ContainerOutcome.FROZEN, "dd-standby.a", "standby.a")]
    reason = "its container on main-01 is still frozen"
    assert told(instances=[an_instance(standby="standby.a")], containers=found) == [
        (Kind.START_AGAIN, "alice-1", reason)
    ]


def test_a_session_that_another_froze_is_left_so():
    assert told(instances=[an_instance()], containers=[container(ContainerOutcome.FROZEN)]) == []


@pytest.mark.parametrize("probes", [{}, {"main-01": Probe(answers=False, trouble="silent")}], ids=["not asked", "mute"])
def test_what_cannot_be_seen_is_not_gone(probes):
    assert told(instances=[an_instance()], probes=probes) == []


@pytest.mark.parametrize("state", [InstanceState.STARTING, InstanceState.STOPPING])
def test_a_session_on_its_way_is_left_to_the_run_that_works_on_it(state):
    assert told(instances=[an_instance(state=state)]) == []
    assert told(instances=[an_instance()], busy_instances={"alice-1"}) == []


def test_a_session_in_which_a_process_was_killed_for_memory_goes_on_and_it_is_said_once():
    probes = {"main-01": Probe(answers=True, containers=(container(),), out_of_memory=frozenset({"alice-1"}))}
    (said,) = decided(instances=[an_instance()], probes=probes)
    assert (said.kind, said.subject) == (Kind.OUT_OF_MEMORY, "alice-1")
    assert told(instances=[an_instance()], probes=probes, told_of_memory={"alice-1"}) == []


# Containers without a session


def test_a_container_whose_session_has_ended_is_reported_by_one_tick_and_removed_by_the_next():
    seen = {"containers": [container()], "ended": {"alice-1"}}
    assert told(**seen) == [(Kind.REPORT, ORPHAN, "its session has ended; carries our mark")]
    again = told(**seen, orphans={ORPHAN: Orphan(ORPHAN, NOW)}, now=later(30))
    assert again == [(Kind.REMOVE_CONTAINER, ORPHAN, "its session has ended; reported 2026-01-05 08:00 UTC")]


def test_a_container_whose_session_is_on_another_host_by_now_is_removed():
    hosts, elsewhere = [a_host(), a_host("main-02", reserved=1)], an_instance(host="main-02")
    for orphans, kind in (({}, Kind.REPORT), ({ORPHAN: Orphan(ORPHAN, NOW)}, Kind.REMOVE_CONTAINER)):
        (decision,) = decided(hosts, [elsewhere], [container()], orphans=orphans)
        assert (decision.kind, decision.subject) == (kind, ORPHAN)


def test_a_container_that_no_record_speaks_of_is_reported_once_and_never_removed():
    assert [kind for kind, *_ in told(containers=[container()])] == [Kind.REPORT]
    assert told(containers=[container()], orphans={ORPHAN: Orphan(ORPHAN, NOW)}, now=later(99999)) == []


def test_a_container_that_would_not_go_is_tried_again_after_its_pause_and_the_tries_are_counted():
    orphan = Orphan(ORPHAN, NOW, attempts=2, next_at=later(120))
    seen = {"containers": [container()], "ended": {"alice-1"}, "orphans": {ORPHAN: orphan}}
    assert told(**seen, now=later(119)) == []
    ((kind, _, reason),) = told(**seen, now=later(120))
    assert (kind, reason.endswith("(try 3)")) == (Kind.REMOVE_CONTAINER, True)


def test_a_container_that_a_flow_run_works_on_is_left_to_it():
    assert told(containers=[container()], ended={"alice-1"}, busy_instances={"alice-1"}) == []


# Hosts out of reach

MUTE = {"main-01": Probe(answers=False, trouble="host main-01: timed out")}


def a_mute_host(**values):
    return a_host(reserved=1, unreachable_since=NOW, last_error="host main-01: timed out", **values)


def test_a_host_out_of_reach_takes_no_session_and_another_is_spawned_at_once():
    seen = Observation((a_mute_host(),), (), frozenset({"main-01"}), probes=MUTE)
    assert [d.kind for d in plan(seen, PoolSettings(free_slot_target=4), NOW)] == [Kind.SPAWN]


@pytest.mark.parametrize("state", [HostState.ACTIVE, HostState.DRAINING])
def test_a_host_out_of_reach_is_given_its_grace_and_then_counted_dead_with_its_sessions(state):
    mute = {"hosts": [a_mute_host(state=state)], "instances": [an_instance()], "probes": MUTE}
    assert told(**mute, now=later(300)) == []
    host_fails, session_fails = told(**mute, now=later(301))
    reason = "out of reach since 2026-01-05 08:00:00 UTC: host main-01: timed out"
    assert host_fails == (Kind.FAIL_HOST, "main-01", reason)
    assert session_fails == (Kind.FAIL_INSTANCE, "alice-1", f"its host main-01 failed: {reason}")


def test_a_manager_that_reaches_no_cloud_either_counts_no_host_dead():
    assert told(hosts=[a_mute_host()], probes=MUTE, now=later(9999), servers=None) == []


def test_a_host_that_answers_again_or_was_not_asked_is_not_dead():
    assert told(hosts=[a_mute_host()], now=later(9999)) == []
    assert told(hosts=[a_mute_host()], probes={}, now=later(9999)) == []


def test_a_dead_host_that_is_being_configured_gets_the_time_for_it():
    assert told(hosts=[a_mute_host()], probes=MUTE, now=later(9999), busy_hosts={"main-01"}) == []


def mute(*names: str) -> dict:
    """Four hosts, of which these are out of reach for long."""
    known = [f"main-0{n}" for n in range(1, 5)]
    hosts = [a_host(name, unreachable_since=NOW if name in names else None) for name in known]
    return {"hosts": hosts, "probes": {name: Probe(answers=name not in names) for name in known}}


def test_most_hosts_out_of_reach_at_once_are_given_up_by_no_tick_and_that_is_said():
    ((kind, subject, reason),) = told(**mute("main-01", "main-02", "main-03"), now=later(9999))
    assert (kind, subject) == (Kind.CUT_OFF, "main")
    assert reason.startswith("3 of 4 hosts are out of reach at once: the network or this manager is at fault")
    kinds = [kind for kind, *_ in told(**mute("main-01", "main-02"), now=later(9999))]
    assert kinds == [Kind.FAIL_HOST] * 2


def test_after_a_network_was_away_hosts_have_time_to_come_back_one_after_the_other():
    assert told(**mute("main-01"), now=later(9999), cut_off_lately=True) == []
    assert [kind for kind, *_ in told(**mute("main-01"), now=later(9999))] == [Kind.FAIL_HOST]


# Clocks and certificates


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        (Probe(answers=True, clock_ahead=-10800), "its clock is 3 h behind"),
        (Probe(answers=False, distrusted=True, trouble="certificate has expired"), "certificate has expired"),
    ],
    ids=["clock", "certificate"],
)
def test_a_host_whose_clock_or_certificate_is_off_is_configured_again_once_an_hour(probe, reason):
    off = {"probes": {"main-01": probe}, "now": later(3600)}
    assert told(hosts=[a_host()], **off) == [(Kind.CONFIGURE, "main-01", reason)]
    assert told(hosts=[a_host(repaired_at=later(1))], **off) == []
    assert told(hosts=[a_host(repaired_at=NOW)], **off) != []
    assert told(hosts=[a_host()], **off, busy_hosts={"main-01"}) == []


def test_a_host_whose_clock_is_nearly_right_is_left_alone():
    assert told(hosts=[a_host()], probes={"main-01": Probe(answers=True, clock_ahead=60)}) == []


def test_a_silent_host_is_not_taken_for_one_with_a_wrong_certificate():
    assert told(hosts=[a_host()], probes=MUTE) == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(10800, "3 h ahead"), (-150, "2 min behind"), (-5400, "2 h behind"), (30, "30 s ahead")]
)
def test_how_far_a_clock_is_off_is_said_for_people(seconds, words):
    assert off_by(seconds) == words


# Things in the cloud

PORT = CloudPart("port", "3f0c", "main-07", None, "main-07")
GROUP = CloudPart("security group", "9a", "dd__main", "main")


def test_a_part_of_a_host_that_is_no_more_is_reported_by_one_tick_and_removed_by_the_next():
    seen = {"hosts": [a_host()], "parts": (PORT,), "living": {"main-01": a_host()}}
    (first,) = decided(**seen)
    assert (first.kind, first.subject) == (Kind.REPORT, "port/main/main-07/3f0c")
    (second,) = decided(**seen, orphans={first.subject: Orphan(first.subject, NOW)})
    assert (second.kind, second.subject) == (Kind.REMOVE_PART, first.subject)


def test_a_part_of_a_living_host_and_what_its_pool_shares_are_left_alone():
    mine = CloudPart("port", "1", "main-01", None, "main-01")
    assert told(hosts=[a_host()], parts=(mine, GROUP), living={"main-01": a_host()}) == []


def test_of_two_servers_of_a_living_host_the_one_that_is_not_on_record_is_an_orphan():
    recorded, second = (CloudPart("server", name, "main-01", "main", "main-01") for name in ("s-1", "s-2"))
    host = a_host(server_id="s-1")
    (first,) = decided(hosts=[host], parts=(recorded, second), living={"main-01": host})
    assert (first.kind, first.subject) == (Kind.REPORT, "server/main/main-01/s-2")


def test_a_server_is_no_orphan_before_its_host_has_noted_which_it_is():
    server, host = CloudPart("server", "s-1", "main-01", "main", "main-01"), a_host(server_id=None)
    assert told(hosts=[host], parts=(server,), living={"main-01": host}) == []


def test_what_a_pool_shares_goes_when_its_last_host_is_gone():
    seen = {"hosts": [a_host(state=HostState.REMOVED)], "servers": set(), "parts": (GROUP,)}
    assert [kind for kind, *_ in told(**seen, living={"gpu-01": a_host("gpu-01", pool="gpu")})] == [Kind.REPORT]


def test_a_database_that_never_knew_a_host_has_nothing_removed():
    orphan = {PORT.orphan_id: Orphan(PORT.orphan_id, NOW)}
    assert [kind for kind, *_ in told(hosts=[], probes={}, parts=(PORT,))] == [Kind.REPORT]
    assert told(hosts=[], probes={}, parts=(PORT,), orphans=orphan) == []


def test_what_came_with_a_server_that_is_just_deleted_again_is_left_to_that():
    removed = a_host("main-07", state=HostState.REMOVED)
    assert [kind for kind, *_ in told(hosts=[removed], parts=(PORT,))] == [Kind.DELETE_SERVER]


def test_an_unknown_cloud_leaves_nothing_to_sweep():
    assert told(hosts=[a_host()], parts=None, living={}) == []


@pytest.mark.parametrize("part", [PORT, GROUP, CloudPart("network", "n1", "dd")])
def test_a_part_is_known_again_by_its_orphan_id(part):
    again = part_of(part.orphan_id)
    assert (again.kind, again.id, again.host) == (part.kind, part.id, part.host)
    assert lives(again, {"main-01": a_host()}) == lives(part, {"main-01": a_host()})


# A server that will not die


@pytest.mark.parametrize(
    ("state", "kind"), [(HostState.REMOVING, Kind.REMOVE), (HostState.REMOVED, Kind.DELETE_SERVER)]
)
def test_a_server_that_will_not_die_is_tried_again_after_its_pause_and_the_tries_are_shown(state, kind):
    undying = {"hosts": [a_host(state=state, removals=3, remove_after=later(240))]}
    assert told(**undying, now=later(239)) == []
    ((again, _, reason),) = told(**undying, now=later(240))
    assert (again, reason.endswith(", try 4")) == (kind, True)


def test_pauses_grow_to_an_hour_and_no_further():
    assert [pause(tries) for tries in (0, 1, 2, 7, 99)] == [30, 60, 120, 3600, 3600]
