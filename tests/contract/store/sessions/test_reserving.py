"""Room that is reserved for a course, taken by many at once, on SQLite and on PostgreSQL."""

import pytest

from pool.courses.reserving import Reservation, Reservations
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, a_course, claim_active, run
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract

BIO = Reservations([Reservation(a_course(), frozenset({"main-01", "main-02"}))])  # four slots


def ask(store, name: str, **options) -> str:
    return store.instances.request(name, a_blueprint(), "ada", options, NOW)[0].id


def take(store, name: str, host: str = "main-01", reserved: Reservations = BIO):
    waiting = {one.id for one in store.instances.all(states=[InstanceState.QUEUED])}
    return store.instances.take_turn(name, host, waiting, NOW, reservations=reserved)


def test_many_at_once_never_take_what_is_reserved_for_a_course(store):
    for slots in (3, 4):
        claim_active(store, f"run-{slots}", slots=slots)
    guests = [ask(store, f"guest-{number}") for number in range(16)]
    taken = at_once(16, lambda n: take(store, guests[n], f"main-0{n % 2 + 1}"))
    assert sum(one is not None for one in taken) == 3
    students = [ask(store, f"student-{number}", course="bio101") for number in range(4)]
    assert sum(take(store, one, host) is not None for one in students for host in ("main-01", "main-02")) == 4


def test_a_session_that_finds_reserved_room_alone_stays_queued_and_nothing_is_changed(store):
    claim_active(store, slots=4)
    assert take(store, ask(store, "guest")) is None
    assert store.instances.get("guest").state is InstanceState.QUEUED
    assert store.hosts.get("main-01").reserved == 0


def test_what_sessions_of_the_course_hold_already_is_not_reserved_once_more(store):
    claim_active(store, slots=5)
    for number in range(4):
        assert take(store, ask(store, f"student-{number}", course="bio101"))
    assert take(store, ask(store, "guest"))


def test_a_session_is_not_moved_to_room_that_is_reserved(store):
    claim_active(store, "run-1", slots=1)
    claim_active(store, "run-2", slots=4)
    take(store, ask(store, "guest"), reserved=Reservations())
    run(store, "guest")
    assert store.instances.set_out("guest", "main-02", "a-run", "", NOW, reservations=BIO) is None
    assert store.instances.get("guest").state is InstanceState.RUNNING
