"""When a session may be extended by its user, and until when it then goes on."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.open_pages.extending import extendable_from, extended_to
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, an_instance, later
from tests.rigs.present import present

pytestmark = pytest.mark.unit


def a_session(**values):
    return an_instance(**{"expires_at": later(3600), "extend_by": 1800, "extensions": 2, **values})


def test_it_is_offered_ten_minutes_before_the_end():
    assert extendable_from(later(3600), 1800, 2) == later(3000)


def test_a_short_extension_is_offered_when_half_of_it_is_left():
    assert extendable_from(later(3600), 600, 1) == later(3300)


@pytest.mark.parametrize(("by", "left"), [(0, 3), (1800, 0)])
def test_none_is_offered_where_the_blueprint_has_none_or_all_are_used(by, left):
    assert extendable_from(later(3600), by, left) is None


def test_the_session_goes_on_from_the_moment_of_the_request():
    assert extended_to(a_session(), later(3100)) == later(4900)


def test_a_request_before_it_is_due_changes_nothing():
    assert extended_to(a_session(), later(2999)) is None


@pytest.mark.parametrize("state", [InstanceState.STOPPING, InstanceState.DELETED, InstanceState.MOVING])
def test_a_session_that_does_not_run_is_not_extended(state):
    assert extended_to(a_session(state=state), later(3100)) is None


@given(st.integers(300, 10**6), st.integers(0, 10**6))
def test_a_request_that_was_fulfilled_is_not_fulfilled_again_and_each_gains_half_at_least(by, asked):
    before = a_session(extend_by=by)
    asked_at = present(extendable_from(before.expires_at, by, 2)) + timedelta(seconds=asked)
    until = present(extended_to(before, asked_at))
    assert until - present(before.expires_at) >= timedelta(seconds=by // 2)
    assert extended_to(a_session(extend_by=by, expires_at=until, extensions=1), asked_at) is None


def test_however_often_it_is_asked_for_no_session_lives_longer_than_its_blueprint_allows():
    session, at = a_session(), NOW
    for _ in range(10_000):
        at += timedelta(seconds=1)
        if until := extended_to(session, at):
            session = a_session(expires_at=until, extensions=session.extensions - 1)
    assert session.extensions == 0
    assert present(session.expires_at) <= later(3600 + 2 * 1800)
