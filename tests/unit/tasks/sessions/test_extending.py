"""A running session goes on for longer: it is said until when, so that asking twice gives nothing twice."""

import asyncio

import pytest

from blocks.outside import standing_in
from pool.errors import BadRequest, Refused, RefusedMove
from pool.states import InstanceState
from tasks.sessions.instances import extend
from tests.rigs.fakes import fake_outside
from tests.rigs.pool_data import ask, claim_active, later, place, run
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path):
    """A session that runs for another ten minutes, and one that waits."""
    store = new_store(tmp_path)
    claim_active(store)
    ask(store)
    place(store)
    run(store, expires_at=later(600))
    ask(store, "bob-1")
    with standing_in(fake_outside(store=store)):
        yield store
    store.close()


def extended(instance_id: str, minutes: int):
    return asyncio.run(extend.fn(instance_id, minutes)).expires_at


def test_a_session_goes_on_for_as_long_as_is_asked_however_often(store):
    assert [extended("alice-1", 60) for _ in range(2)] == [later(3600)] * 2


def test_one_that_has_longer_is_not_cut(store):
    assert extended("alice-1", 5) == later(600)


def test_its_history_says_until_when(store):
    extended("alice-1", 60)
    assert store.history.of_instance("alice-1")[-1].why == "extended to 2026-01-05 09:00 UTC"


def test_what_does_not_run_is_not_extended(store):
    with pytest.raises(Refused, match="instance bob-1 is queued: only a running session is extended"):
        extended("bob-1", 60)


@pytest.mark.parametrize("minutes", [0, -1, 10**9])
def test_minutes_must_be_such_that_there_is_a_date(store, minutes):
    with pytest.raises(BadRequest, match="it must be whole minutes, 1 to"):
        extended("alice-1", minutes)


def test_one_that_was_extended_after_its_end_was_decided_on_goes_on(store):
    extended("alice-1", 60)
    with pytest.raises(RefusedMove, match="alice-1 goes on until 2026-01-05 09:00 UTC: it was extended"):
        store.instances.move("alice-1", InstanceState.STOPPING, later(601), only_if_expired_by=later(601))
    assert store.instances.get("alice-1").state is InstanceState.RUNNING


def test_one_whose_time_is_over_is_ended_and_extended_no_more(store):
    store.instances.move("alice-1", InstanceState.STOPPING, later(600), only_if_expired_by=later(600))
    with pytest.raises(Refused, match="alice-1 is stopping: only a running session is extended"):
        extended("alice-1", 60)
