"""No span of time that was ever stored stops a rule."""

import pytest

from pool.moments import LONGEST_SPAN, after
from pool.sessions.admission import expiry
from pool.sessions.queue import wait_expired
from pool.settings import PoolSettings
from pool.states import InstanceState
from tests.rigs.pool_data import NOW, a_blueprint, an_instance, later

pytestmark = pytest.mark.unit

HUGE = 10**12


def test_a_span_that_no_date_can_be_reckoned_with_counts_as_the_longest():
    assert after(NOW, 60) == later(60)
    assert after(NOW, HUGE) == later(LONGEST_SPAN) == expiry(a_blueprint(lifetime=HUGE), {}, NOW)


def test_a_session_waits_under_a_time_limit_that_is_too_large():
    waiting = an_instance(state=InstanceState.QUEUED, host=None)
    assert not wait_expired(waiting, PoolSettings(queue_timeout=HUGE), later(99999))


@pytest.mark.parametrize(("seconds", "over"), [(899, False), (900, True)])
def test_one_that_had_room_and_lost_it_waits_anew_in_its_old_place(seconds, over):
    again = an_instance(state=InstanceState.QUEUED, host=None, created_at=NOW, state_since=later(800))
    assert wait_expired(again, PoolSettings(queue_timeout=900), later(800 + seconds)) is over
