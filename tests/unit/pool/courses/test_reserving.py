"""On which hosts room is kept for courses, and what it leaves to others."""

from collections.abc import Iterable

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from pool.courses.reserving import Reservation, Reservations
from pool.records import Host, Instance
from pool.sessions.queue import QueueEntry, grants
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tests.rigs.pool_data import NOW, a_course, a_host, an_instance, later

pytestmark = pytest.mark.unit

ALL = frozenset({"main-01", "main-02", "main-03"})


def reserved(course=None, hosts=ALL) -> Reservations:
    return Reservations([Reservation(course or a_course(), hosts)])


def waiting(name: str, course: str = "", since: float = 0, slots: int = 1):
    options = {"course": course} if course else {}
    asked = {"state": InstanceState.QUEUED, "expires_at": None, "created_at": later(since)}
    return an_instance(name, None, slots=slots, options=options, **asked)


def given(line, hosts, kept) -> list[tuple]:
    entries = [QueueEntry(one, [ALL], 3600) for one in line]
    turns = grants(entries, hosts, PoolSettings(), NOW, kept.kept(hosts, []))
    return [(turn.instance.id, turn.hosts[0], set(turn.passing)) for turn in turns]


def test_room_is_kept_on_the_emptiest_hosts_and_others_get_the_rest():
    hosts = [a_host(reserved=4), a_host("main-02")]
    line = [waiting(name, since=place) for place, name in enumerate("abcde")]
    assert [name for name, *_ in given(line, hosts, reserved())] == ["a", "b", "c", "d"]


def test_a_session_of_the_course_passes_others_that_wait_for_room_that_is_kept_for_it():
    hosts, line = [a_host(slots=4)], [waiting("guest"), waiting("student", "bio101", since=1)]
    assert given(line, hosts, reserved()) == [("student", "main-01", {"guest"})]


def test_others_do_not_pass_one_that_waits_because_room_is_kept():
    hosts = [a_host(slots=5)]
    line = [waiting("wide", slots=2), waiting("narrow", since=1), waiting("student", "bio101", since=2)]
    assert given(line, hosts, reserved()) == [("student", "main-01", {"wide", "narrow"})]


def test_a_course_gets_no_more_than_its_slots_past_others():
    hosts = [a_host(slots=4)]
    line = [waiting("wide", slots=3), *(waiting(f"s-{number}", "bio101", since=1 + number) for number in range(4))]
    assert [name for name, *_ in given(line, hosts, reserved(a_course(slots=2)))] == ["s-0", "s-1"]


def test_one_course_does_not_take_what_is_kept_for_another():
    kept = Reservations([Reservation(a_course(name), ALL) for name in ("bio101", "chem")])
    hosts = [a_host(slots=8)]
    line = [waiting(f"s-{number}", "bio101", since=number) for number in range(8)]
    assert len(given(line, hosts, kept)) == 4


def test_no_room_is_kept_where_a_course_could_not_have_it():
    hosts = [a_host(), a_host("main-02", state=HostState.DRAINING), a_host("main-03", unreachable_since=NOW)]
    kept = reserved(a_course(slots=30), frozenset({"main-02", "main-03"})).kept(hosts, [])
    assert [kept.as_seen(host, "").free for host in hosts] == [6, 6, 6]


def test_a_session_that_is_moved_takes_no_room_that_is_kept_for_its_own_course():
    session = an_instance(options={"course": "bio101"})
    hosts = [a_host(reserved=1), a_host("main-02", slots=3)]
    assert reserved().allow(session, "main-02", hosts, [session])
    assert not reserved(a_course(slots=12)).allow(session, "main-02", hosts, [session], for_its_own=False)


HOSTS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=4)


@given_by(
    HOSTS, st.integers(1, 3), st.integers(1, 20), st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=12)
)
def test_what_others_are_given_never_costs_a_course_a_place_that_is_reserved_for_it(sizes, needs, slots, asking):
    course = a_course(needs=needs, slots=slots)
    hosts = {f"main-{n}": a_host(f"main-{n}", slots=s, reserved=min(s, r)) for n, (s, r) in enumerate(sizes)}
    kept, taken = reserved(course, frozenset(hosts)), list[Instance]()
    for number, (is_student, wide) in enumerate(asking):
        session = waiting(f"s-{number}", "bio101" if is_student else "", slots=needs if is_student else wide)
        had, missing = places(hosts.values(), needs), max(0, slots - needs * len(taken)) // needs
        host = next((name for name in hosts if kept.allow(session, name, list(hosts.values()), taken)), None)
        if host is None:
            assert not is_student or not had, "a student found no place, though there is one"
            continue
        hosts[host] = a_host(host, slots=hosts[host].slots, reserved=hosts[host].reserved + session.slots)
        if is_student:
            taken.append(an_instance(session.id, host, slots=needs, options=session.options))
        else:
            assert places(hosts.values(), needs) >= min(had, missing), "a guest has a student's place"


def places(hosts: Iterable[Host], needs: int) -> int:
    return sum(host.free // needs for host in hosts)
