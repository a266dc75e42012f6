"""A running session's token is replaced by one guarded write."""

import pytest

from pool.states import InstanceState
from tests.rigs.pool_data import NOW, ask, claim_active, place, run

pytestmark = pytest.mark.contract


@pytest.fixture
def session(store):
    """One that runs."""
    claim_active(store)
    ask(store)
    place(store)
    return run(store)


def test_a_session_that_runs_gets_another_token_and_nothing_else_of_it_changes(store, session):
    renewed = store.instances.renew_token(session, "another")
    assert (renewed.token, renewed.route, renewed.expires_at) == ("another", session.route, session.expires_at)
    assert store.instances.get(session.id) == renewed


def test_a_run_that_knows_an_earlier_token_changes_nothing(store, session):
    renewed = store.instances.renew_token(session, "another")
    assert store.instances.renew_token(session, "a third") is None
    assert store.instances.get(session.id) == renewed


def test_a_session_that_is_being_ended_keeps_its_token(store, session):
    store.instances.move(session.id, InstanceState.STOPPING, NOW)
    assert store.instances.renew_token(session, "another") is None
    assert store.instances.get(session.id).token == session.token


def test_each_fresh_token_is_another(store):
    assert len({store.instances.fresh_token() for _ in range(100)}) == 100
