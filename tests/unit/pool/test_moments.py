"""No span of time that was ever stored stops a rule."""

from datetime import datetime

import pytest

from pool.errors import BadRequest
from pool.moments import LONGEST_SPAN, after, minute, read_since
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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("yesterday", "2026-01-04T00:00+00:00"),
        ("today", "2026-01-05T00:00+00:00"),
        ("2d", "2026-01-03T08:00+00:00"),
        ("90 min", "2026-01-05T06:30+00:00"),
        ("2026-01-02", "2026-01-02T00:00+00:00"),
        ("2026-01-02 14:30", "2026-01-02T14:30+00:00"),
        ("2026-01-02T14:30+02:00", "2026-01-02T12:30+00:00"),
    ],
)
def test_a_moment_of_the_past_is_read_as_operators_write_it(text, moment):
    assert read_since(text, NOW) == datetime.fromisoformat(moment)
    assert minute(read_since(text, NOW)) == f"{moment[:10]} {moment[11:16]} UTC"


def test_a_moment_that_no_calendar_has_in_utc_is_refused():
    with pytest.raises(BadRequest, match="is no moment"):
        read_since("0001-01-01T00:00+14:00", NOW)
