"""What the platform is told of a session whose host drains."""

import pytest

from pool.sessions.drain import ends_at, notice
from pool.states import HostState
from tests.rigs.pool_data import a_host, an_instance, later

pytestmark = pytest.mark.unit

SESSION = an_instance(expires_at=later(3600))


def draining(deadline=None):
    return a_host(state=HostState.DRAINING, reason="new kernel", drain_deadline=deadline)


def test_of_a_host_in_service_there_is_nothing_to_say():
    assert (notice(a_host()), notice(None)) == ("", "")
    assert ends_at(SESSION, a_host(drain_deadline=later(60))) == later(3600)


def test_a_drain_is_said_with_its_reason_and_its_deadline():
    assert notice(draining()) == "its host main-01 is taken out of service: new kernel"
    assert notice(draining(later(60))).endswith(": new kernel; it ends by 2026-01-05 08:01 UTC")


def test_a_session_ends_at_its_own_time_or_with_the_drain_whichever_comes_first():
    assert ends_at(SESSION, draining()) == later(3600)
    assert ends_at(SESSION, draining(later(60))) == later(60)
    assert ends_at(SESSION, draining(later(7200))) == later(3600)
    assert ends_at(an_instance(expires_at=None), None) is None
