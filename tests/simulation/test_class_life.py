"""Courses in a pool that the rules alone drive: room is there before a class, kept in it, and free after it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pool.states import HostState, InstanceState
from tests.rigs.pool_data import a_course
from tests.rigs.ruled_pool import Cloud, RuledPool

pytestmark = pytest.mark.simulation

HOUR, MINUTE = 3600, 60  # the pools begin on a Monday at 08:00, and the class is from nine to eleven


def a_pool(slots: int = 12, boot: float = 120, **values) -> RuledPool:
    pool = RuledPool(Cloud(boot=lambda number: boot), **values)
    pool.courses = (a_course(slots=slots),)
    return pool


def students(pool: RuledPool, number: int, seconds: int = 2 * HOUR) -> list[str]:
    return pool.ask(number, seconds=seconds, course="bio101")


def running(pool: RuledPool, ids: list[str]) -> int:
    return sum(pool.sessions[one].state is InstanceState.RUNNING for one in ids)


@pytest.mark.parametrize("boot", [90, 400, 560])
def test_the_pool_is_big_enough_before_the_slots_are_reserved_and_keeps_its_free_slots_beside_them(boot):
    pool = a_pool(60, boot)
    pool.run(30 * MINUTE)
    assert pool.free == 6
    pool.run(15 * MINUTE + 30)
    assert pool.free >= 64


def test_users_who_come_before_the_class_do_not_take_what_is_reserved_for_it():
    pool = a_pool(12, max_hosts=2, slots_large=6)
    pool.run(50 * MINUTE)
    guests = pool.ask(12)
    pool.run(5 * MINUTE)
    assert running(pool, guests) == 0
    assert running(pool, students(pool, 12)) == 12


def test_room_is_free_for_all_as_soon_as_the_class_is_over():
    pool = a_pool(12, max_hosts=2, slots_large=6, queue_timeout=4 * HOUR)
    pool.run(2 * HOUR + 50 * MINUTE)
    guests = pool.ask(12)
    assert running(pool, guests) == 0
    pool.run(10 * MINUTE + 30)
    assert running(pool, guests) == 12


def test_hosts_that_a_class_needed_leave_when_it_is_over():
    pool = a_pool(60)
    pool.run(2 * HOUR)
    assert pool.free >= 60
    pool.run(2 * HOUR)
    assert pool.free < 30


def test_students_beyond_the_reserved_slots_wait_like_all_others():
    pool = a_pool(3, max_hosts=1, slots_large=6, free_slot_target=0)
    pool.run(HOUR)
    first, guests = students(pool, 3), pool.ask(2)
    more = students(pool, 3)
    assert [running(pool, ids) for ids in (first, guests, more)] == [3, 2, 1]


STEPS = st.lists(
    st.tuples(st.sampled_from(["guests", "students", "leave", "nothing"]), st.integers(1, 9), st.integers(1, 40)),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(1, 3), st.integers(1, 20))
def test_whatever_users_do_a_student_within_the_reserved_slots_has_a_place_in_the_class_and_no_user_waits_for_ever(
    steps, hosts, slots
):
    pool = a_pool(slots, max_hosts=hosts, slots_large=6, queue_timeout=24 * HOUR, tick=120)
    for what, number, minutes in steps:
        if what == "leave":
            pool.leave([one.id for one in pool.having(InstanceState.RUNNING)[:number]])
        elif what != "nothing":
            of_it: dict[str, Any] = {"course": "bio101"} if what == "students" else {}
            pool.ask(number, seconds=30 * MINUTE, **of_it)
        pool.run(minutes * MINUTE)
        check_reserved(pool)
    pool.run(5 * HOUR)
    assert pool.having(InstanceState.QUEUED) == []


def check_reserved(pool: RuledPool) -> None:
    """While slots are reserved, a student waits only where others hold no room that came free since."""
    (course,) = pool.courses
    mine = [one for one in pool.sessions.values() if course.has(one)]
    holding = sum(one.state is InstanceState.RUNNING for one in mine)
    waiting = any(one.state is InstanceState.QUEUED for one in mine)
    free = sum(host.free for host in pool.hosts.values() if host.state is HostState.ACTIVE)
    if course.reserves(pool.now, pool.now) and waiting and holding < course.slots:
        assert free == 0, f"a student waits, {free} slots are free, and {holding} of {course.slots} are had"
