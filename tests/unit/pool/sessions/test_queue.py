"""The queue: its order, whose turn it is, and what becomes of those that wait in vain."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from pool.courses.reserving import Reservation, Reservations
from pool.decisions import DecisionKind
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.sessions.queue import QueueEntry, grants, queued_in_order, wait_limit
from pool.settings import PoolSettings
from pool.states import EndCause, InstanceState
from tests.rigs.pool_data import NOW, a_course, a_host, an_instance, later

pytestmark = pytest.mark.unit


def waiting(instance_id: str, since: float = 0, **values):
    usual = {"state": InstanceState.QUEUED, "host": None, "expires_at": None, "created_at": later(since)}
    return an_instance(instance_id, **usual | values)


def test_who_asked_first_is_first_and_ids_decide_between_two_of_one_moment():
    asked = [waiting("c", 5), waiting("b", 1), waiting("a", 5), an_instance("runs")]
    assert [one.id for one in queued_in_order(asked)] == ["b", "a", "c"]


def test_one_that_lost_its_host_keeps_its_place():
    again = waiting("again", 0, state_since=later(90), last_host="main-01")
    assert [one.id for one in queued_in_order([waiting("late", 30), again])] == ["again", "late"]


def test_an_observation_knows_the_queue():
    assert [one.id for one in Observation((), (an_instance(), waiting("b")), None).queue] == ["b"]


SETTINGS = PoolSettings(queue_timeout=600)
EVERYWHERE = {"main-01", "main-02", "main-03"}


def entry(instance_id: str, since: float = 0, holders=EVERYWHERE, **values) -> QueueEntry:
    return QueueEntry(waiting(instance_id, since, **values), [holders], 3600)


def given(line, hosts, settings=SETTINGS) -> list[tuple]:
    return [(turn.instance.id, turn.hosts, set(turn.passing)) for turn in grants(line, hosts, settings, NOW)]


def test_room_is_given_in_order_until_there_is_none():
    line = [entry(name, place) for place, name in enumerate("abc")]
    assert given(line, [a_host(reserved=4)]) == [("a", ("main-01",), set()), ("b", ("main-01",), set())]


def test_no_session_passes_one_that_waits_for_more_room_on_a_host_that_it_could_use():
    assert given([entry("wide", 0, slots=4), entry("narrow", 1)], [a_host(reserved=3)]) == []


def test_a_host_that_is_too_small_for_the_first_goes_to_the_next():
    line = [entry("wide", 0, slots=8), entry("narrow", 1)]
    hosts = [a_host(), a_host("main-02", slots=24, reserved=20)]
    assert given(line, hosts) == [("narrow", ("main-01",), {"wide"})]


def test_a_host_without_the_image_of_the_first_goes_to_the_next():
    line = [entry("r", 0, holders=set()), entry("python", 1)]
    assert given(line, [a_host()]) == [("python", ("main-01",), {"r"})]


def test_a_host_that_failed_the_session_comes_last():
    line = [entry("again", last_host="main-01")]
    assert given(line, [a_host(reserved=1), a_host("main-02")]) == [("again", ("main-02", "main-01"), set())]


def test_shutdown_mode_gives_room_to_no_session():
    assert given([entry("a")], [a_host()], replace(SETTINGS, shutdown_mode=True)) == []


hosts_drawn = st.lists(
    st.builds(a_host, st.sampled_from(sorted(EVERYWHERE)), slots=st.integers(1, 8), reserved=st.just(0)),
    max_size=3,
    unique_by=lambda host: host.name,
)
holders_drawn = st.sets(st.sampled_from(sorted(EVERYWHERE)))
lines_drawn = st.lists(st.tuples(st.integers(1, 8), holders_drawn), max_size=8).map(
    lambda wishes: [entry(f"s{n}", n, slots=slots, holders=hosts) for n, (slots, hosts) in enumerate(wishes)]
)


@given_by(lines_drawn, hosts_drawn)
def test_a_session_that_is_passed_could_use_none_of_the_hosts_and_no_host_gets_too_many(line, hosts):
    by_id, by_name = {one.instance.id: one for one in line}, {host.name: host for host in hosts}
    order, taken = grants(line, hosts, SETTINGS, NOW), Counter[str]()
    for turn in order:
        taken[turn.hosts[0]] += turn.instance.slots
        usable = [by_name[name] for name in turn.hosts]
        assert not any(by_id[passed].could_use(host) for passed in turn.passing for host in usable)
        before = {one.instance.id for one in line if one.instance.created_at < turn.instance.created_at}
        assert before - turn.passing <= {earlier.instance.id for earlier in order}
    assert all(taken[host.name] <= host.slots for host in hosts)


groups_drawn = st.lists(st.tuples(st.integers(1, 3), holders_drawn, st.sampled_from(["bio101", ""])), max_size=4)


@given_by(groups_drawn, hosts_drawn, st.integers(0, 8))
def test_sessions_that_need_the_same_get_what_each_would_get_if_it_were_looked_at_alone(groups, hosts, slots):
    wishes = [wish for wish in groups for _ in range(3)]
    line = [entry(f"s{n}", n, slots=w, holders=h, options={"course": c}) for n, (w, h, c) in enumerate(wishes)]
    unlike = [replace(one, holders=[*one.holders, {f"elsewhere-{n}"}]) for n, one in enumerate(line)]
    room = Reservations([Reservation(a_course(slots=slots), EVERYWHERE)])
    alike, alone = (grants(one, hosts, SETTINGS, NOW, room.kept(hosts, [])) for one in (line, unlike))
    assert alike == alone


@pytest.mark.parametrize(("wait", "seconds"), [({}, 600), ({"wait": 60}, 60), ({"wait": 9999}, 600), ({"wait": 0}, 0)])
def test_one_waits_as_long_as_its_pool_lets_it_or_less_if_it_said_so(wait, seconds):
    assert wait_limit(waiting("a", options=wait), SETTINGS) == seconds


def decided(instance, now, settings=SETTINGS, hosts=(), **seen):
    observation = Observation(hosts, (instance,), frozenset(host.name for host in hosts), **seen)
    return plan(observation, replace(settings, free_slot_target=0), now)


def test_one_that_waited_for_its_time_is_given_up_with_the_reason():
    assert DecisionKind.GIVE_UP not in {decision.kind for decision in decided(waiting("a"), later(599))}
    (decision, *_) = decided(waiting("a"), later(600))
    assert (decision.kind, decision.subject) == (DecisionKind.GIVE_UP, "a")
    assert decision.reason == (
        "no room became free for it in 600 s: pool main is full: 1 slot requested, 0 free on 0 active hosts"
        " (at most 4 hosts)"
    )


def test_those_that_wait_for_a_pool_that_shuts_down_are_given_up_at_once():
    (decision,) = decided(waiting("a"), later(1), replace(SETTINGS, shutdown_mode=True))
    assert decision.kind is DecisionKind.GIVE_UP
    assert decision.reason == "pool main is in shutdown mode and takes no new sessions"


def test_one_whose_blueprint_cannot_be_read_is_given_up_with_the_reason():
    why = "blueprint 'jupyter': port: must be given"
    (decision, *_) = decided(waiting("a"), later(1), unreadable={"jupyter": why})
    assert (decision.kind, decision.subject, decision.reason) == (DecisionKind.GIVE_UP, "a", why)


def test_one_whose_start_was_cancelled_is_given_up_and_one_that_has_room_by_now_is_not():
    (decision,) = (one for one in decided(waiting("a"), NOW, cancelled={"a"}) if one.subject == "a")
    assert (decision.kind, decision.reason, decision.cause) == (DecisionKind.GIVE_UP, "cancelled", EndCause.NOT_STARTED)
    started = replace(waiting("a"), state=InstanceState.STARTING)
    assert "a" not in {one.subject for one in decided(started, NOW, cancelled={"a"})}


def test_one_that_has_room_and_that_no_run_starts_is_started():
    host, session = a_host(reserved=1), an_instance(state=InstanceState.STARTING)
    seen = {"hosts": (host,)}
    assert decided(session, later(15), **seen) == []
    assert [decision.kind for decision in decided(session, later(16), **seen)] == [DecisionKind.START]
    assert decided(session, later(16), busy_instances={"alice-1"}, **seen) == []
