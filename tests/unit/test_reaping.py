"""Which flow runs are taken for lost: never one whose worker lives."""

import pytest

from pool.reaping import RunState, SeenRun, lost
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit


def a_run(state=RunState.RUNNING, **values) -> SeenRun:
    return SeenRun("1", "configure main-01", state, NOW, **values)


@pytest.mark.parametrize(("state", "limit"), [(RunState.PENDING, 600), (RunState.CANCELLING, 300)])
def test_a_run_that_stays_where_a_worker_keeps_it_for_moments_is_lost(state, limit):
    assert lost(a_run(state), later(limit)) == ""
    assert lost(a_run(state), later(limit + 1)).startswith(("pending for 601 s", "being cancelled for 301 s"))


def test_a_run_whose_heart_beats_is_never_lost_however_long_it_takes():
    assert lost(a_run(heartbeat=later(99990), longest=600), later(99999)) == ""


def test_a_run_whose_heart_stopped_is_lost_after_ten_minutes():
    beating = a_run(heartbeat=later(60), longest=3000)
    assert lost(beating, later(660)) == ""
    assert lost(beating, later(661)) == "no sign of life for 601 s: its worker died"


def test_a_run_that_was_never_heard_of_is_lost_after_the_longest_time_that_its_flow_can_take():
    assert lost(a_run(longest=3000), later(3000)) == ""
    assert lost(a_run(longest=3000), later(3001)) == "running for 3001 s, longer than it can take"
    assert lost(a_run(), later(99999)) == ""
