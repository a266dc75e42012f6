"""Many callers of the store at once, on SQLite and on PostgreSQL."""

import pytest

from pool.errors import Refused, RefusedMove
from pool.states import HostState, InstanceState
from pool.store.pool_store import PoolStore
from tests.rigs.pool_data import NOW, a_blueprint, ask, claim, claim_active, place
from tests.rigs.services.at_once import at_once

pytestmark = pytest.mark.contract


def test_forty_threads_take_exactly_the_slots_that_there_are(store):
    claim_active(store, slots=7)
    for number in range(40):
        ask(store, f"s-{number}")
    taken = [instance for instance in at_once(40, lambda n: place(store, f"s-{n}")) if instance]
    assert len(taken) == 7
    assert len({instance.port for instance in taken}) == 7
    assert store.hosts.get("main-01").reserved == 7


def test_room_that_is_given_back_by_many_at_once_comes_back_once(store):
    claim_active(store)
    for number in range(2):
        ask(store, f"s-{number}", slots=3)
        place(store, f"s-{number}")
    at_once(10, lambda n: store.instances.move("s-0", InstanceState.FAILED, NOW))
    assert store.hosts.get("main-01").reserved == 3


def test_room_is_taken_and_given_back_at_once_without_a_deadlock(store):
    claim_active(store, slots=4)
    for number in range(16):
        ask(store, f"s-{number}")

    def visit(number: int) -> None:
        for _ in range(5):
            if place(store, f"s-{number}"):
                store.instances.move(f"s-{number}", InstanceState.QUEUED, NOW)

    assert at_once(16, visit) == [None] * 16
    assert store.hosts.get("main-01").reserved == 0


def test_claimers_at_once_never_get_more_hosts_than_the_pool_may_have(store):
    claims = at_once(12, lambda n: claim(store, f"run-{n}", max_hosts=4))
    assert sum(isinstance(result, Refused) for result in claims) == 8
    assert [host.name for host in store.hosts.all()] == ["main-01", "main-02", "main-03", "main-04"]


def test_one_run_that_claims_many_times_at_once_gets_one_host(store):
    assert {host.name for host in at_once(8, lambda n: claim(store, "run-1"))} == {"main-01"}
    assert len(store.hosts.all()) == 1


def test_one_request_many_times_at_once_makes_one_session(store):
    answers = at_once(8, lambda n: store.instances.request("alice-1", a_blueprint(), f"user-{n}", {}, NOW))
    assert sum(made for _, made in answers) == 1
    assert len({instance.token for instance, _ in answers}) == 1


def test_one_session_takes_room_once_however_many_ask(store):
    for run in ("run-1", "run-2"):
        claim_active(store, run)
    ask(store)
    answers = at_once(8, lambda n: place(store, "alice-1", f"main-0{n % 2 + 1}"))
    assert sum(isinstance(answer, RefusedMove) for answer in answers) == 7
    assert sum(host.reserved for host in store.hosts.all()) == 1


def test_no_session_gets_onto_a_host_that_is_being_removed(store):
    claim_active(store)
    ask(store)
    store.hosts.move("main-01", HostState.DRAINING, NOW)

    def race(number: int) -> object:
        if number:
            return place(store)
        return store.hosts.move("main-01", HostState.REMOVING, NOW)

    removed, taken = at_once(2, race)
    assert (removed.state, taken) == (HostState.REMOVING, None)


def test_one_of_many_takes_a_lease_and_the_others_learn_who(store):
    answers = at_once(8, lambda n: store.leases.take("housekeep-main", f"holder-{n}", 60, NOW))
    winner = f"holder-{answers.index(None)}"
    assert sorted(answers, key=str) == sorted([None] + [winner] * 7, key=str)


def test_a_second_process_sees_what_the_first_one_wrote(store, store_url):
    claim(store)
    other = PoolStore.open(store_url)
    other.hosts.note("main-01", address="10.0.0.7")
    other.close()
    assert store.hosts.get("main-01").address == "10.0.0.7"
