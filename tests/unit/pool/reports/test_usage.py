"""Who used what for how long."""

from datetime import UTC, datetime

import pytest

from pool.errors import BadRequest
from pool.reports.usage import Stay, hashed, usage

pytestmark = pytest.mark.unit

OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12))


def stay(begun: datetime, ended: datetime, user: str = "ada", slots: int = 1, instance: str = "ada-1") -> Stay:
    return Stay(instance, "main", "jupyter", user, slots, begun, ended)


def on(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_hours_and_slot_hours_are_summed_by_user():
    stays = [stay(on(2), on(2, 3)), stay(on(3), on(3, 1), instance="ada-2"), stay(on(3), on(3, 2), "bob", 4, "bob-1")]
    assert usage(stays, NOVEMBER, DECEMBER, ["user"]) == [
        {"user": "ada", "sessions": 2, "users": 1, "hours": 4.0, "slot_hours": 4.0},
        {"user": "bob", "sessions": 1, "users": 1, "hours": 2.0, "slot_hours": 8.0},
    ]


def test_a_session_over_the_end_of_a_month_counts_in_both_for_its_part():
    rows = usage([stay(on(31, 23, month=10), on(1, 2))], OCTOBER, DECEMBER, ["month"])
    assert [(row["month"], row["hours"]) for row in rows] == [("2026-10", 1.0), ("2026-11", 2.0)]


def test_what_is_before_or_after_the_time_does_not_count():
    assert usage([stay(OCTOBER, DECEMBER)], on(10), on(10, 6), [])[0]["hours"] == 6.0
    assert usage([stay(on(1), on(2))], on(10), on(11), ["user"]) == []


def test_a_group_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(BadRequest, match="cannot be told by colour; it can by month, pool, blueprint, user"):
        usage([], OCTOBER, NOVEMBER, ["colour"])


def test_a_hashed_name_is_the_same_for_each_stay_and_another_one_in_another_installation():
    first, second = (hashed(stay(on(day), on(day, 1)), b"one key").user for day in (1, 2))
    assert first == second != hashed(stay(on(1), on(2)), b"another").user
    assert "ada" not in first
