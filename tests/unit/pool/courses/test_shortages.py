"""What a course will lack, said before its class."""

import pytest

from pool.courses.shortages import what_is_short
from pool.settings import PoolSettings
from tests.rigs.pool_data import NOW, a_course

pytestmark = pytest.mark.unit

TWO_HOURS = ("Tue 09:00-11:00",)
FOUR_HOSTS = PoolSettings(max_hosts=4, slots_small=6, slots_large=24)


def of(lifetime: int = 7800, **values) -> str:
    return what_is_short(a_course(times=TWO_HOURS, start_before=600, **values), FOUR_HOSTS, lifetime, NOW)


def test_a_course_for_which_the_pool_may_have_hosts_lacks_nothing():
    assert of(slots=96) == ""


def test_a_course_with_more_slots_than_the_pool_may_have_is_told_how_many_are_missing():
    assert of(slots=108).startswith("12 slots short: pool main may have 4 hosts of at most 24 slots (DD_MAX_HOSTS)")


def test_sessions_that_are_started_beforehand_must_live_to_the_end_of_the_class():
    assert "a lifetime of 7799 s, and 7800 s are needed" in of(lifetime=7799)


def test_sessions_that_begin_when_their_users_come_may_be_shorter_than_the_class():
    assert what_is_short(a_course(times=TWO_HOURS), FOUR_HOSTS, 3600, NOW) == ""
