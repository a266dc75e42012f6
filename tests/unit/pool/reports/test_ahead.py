"""What a pool is going to want, by its timetable and its courses."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pool.errors import BadRequest
from pool.reports.ahead import ahead_rows, ahead_until, read_ahead, week_ahead
from pool.settings import PoolSettings
from pool.timetable import read_timetable
from tests.rigs.pool_data import NOW, a_course, later

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
LESSON = read_timetable(["Mon-Fri 08:45-12:00: 60"], "UTC")
SETTINGS = PoolSettings(timetable=LESSON)  # 4 free slots else, 4 hosts of at most 24 slots; NOW is Monday, 08:00


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon 09:30", "2026-01-05 08:30"),  # today, by Berlin's clock
        ("mon 08:40", "2026-01-12 07:40"),  # over today
        ("10:00", "2026-01-05 09:00"),
        ("08:59", "2026-01-06 07:59"),
        ("2026-07-06 08:40", "2026-07-06 06:40"),
        ("2026-01-05T12:00+00:00", "2026-01-05 12:00"),
    ],
)
def test_a_moment_to_come_is_read_by_the_pool_s_clock(text, moment):
    assert read_ahead(text, NOW, BERLIN) == at(moment)


@pytest.mark.parametrize("text", ["soon", "Mond 08:40", "Xyz 08:40", "Mon 25:00", "08:60", "2026-13-01"])
def test_what_is_no_moment_is_refused_with_how_one_is_written(text):
    with pytest.raises(BadRequest, match="is no moment to come: write Mon 08:40, 08:40 or 2026-12-07 08:40"):
        read_ahead(text, NOW, BERLIN)
    with pytest.raises(BadRequest, match="is over"):
        read_ahead("2026-01-04", NOW, BERLIN)


def row_at(moment: str, courses=(), now=NOW) -> dict[str, object]:
    times = ahead_until(SETTINGS, courses, at(moment), now)
    return ahead_rows(times, timedelta(minutes=10), ZoneInfo("UTC"))[-1]


def test_at_a_moment_of_the_timetable_its_slots_are_wanted_and_the_hosts_that_hold_them():
    row = row_at("2026-01-05 09:00")
    assert (row["free_slots"], row["because"]) == (60, "Mon-Fri 08:45-12:00: 60")
    assert (row["hosts"], row["short"], row["until"]) == ("2 small and 2 large", 0, "2026-01-05T12:00+00:00")


@pytest.mark.parametrize("moment", ["2026-01-05 08:45", "2026-01-05 09:00", "2026-01-05 11:59"])
def test_at_any_moment_of_a_lesson_hosts_are_spawned_before_the_lesson_and_not_before_the_moment(moment):
    row = row_at(moment)
    assert (row["since"], row["spawned_from"]) == ("2026-01-05T08:45+00:00", "2026-01-05T08:35+00:00")


def test_at_a_moment_the_hosts_of_a_course_are_spawned_before_its_slots_are_reserved():
    row = row_at("2026-01-05 08:55", [a_course(slots=60)], NOW - timedelta(hours=1))
    assert row["spawned_from"] == "2026-01-05T08:35+00:00"


def test_at_a_moment_of_a_lesson_that_has_begun_no_spawning_is_told_for_it_is_over():
    row = row_at("2026-01-05 11:00", now=at("2026-01-05 10:00"))
    assert (row["since"], row["spawned_from"]) == ("2026-01-05T10:00+00:00", None)


def test_of_a_moment_next_year_the_lesson_is_found_by_looking_back_from_it():
    assert row_at("2027-03-02 10:00")["spawned_from"] == "2027-03-02T08:35+00:00"


def test_a_week_is_told_from_change_to_change_in_order_and_without_a_gap():
    week = week_ahead(SETTINGS, [], NOW)
    assert [one.target.slots for one in week] == [4, 60, 4, 60, 4, 60, 4, 60, 4, 60, 4]
    assert (week[0].since, week[-1].until) == (NOW, NOW + timedelta(days=7))
    assert all(one.until == next_one.since for one, next_one in pairwise(week))


def test_of_a_week_the_moment_of_spawning_is_told_where_more_hosts_are_wanted_than_before():
    rows = ahead_rows(week_ahead(SETTINGS, [], NOW), timedelta(minutes=10), ZoneInfo("UTC"))
    assert [row["spawned_from"] for row in rows[:4]] == [None, "2026-01-05T08:35+00:00", None, "2026-01-06T08:35+00:00"]


def test_slots_of_a_course_are_reserved_from_before_its_class_to_its_end():
    week = week_ahead(PoolSettings(free_slot_target=0), [a_course(slots=30)], NOW)
    held = [(one.since, one.until) for one in week if one.reserved == {"bio101": 30}]
    assert held == [(later(45 * 60), later(3 * 3600))]  # a quarter of an hour before nine to eleven


def test_what_the_pool_may_not_have_hosts_for_is_told_as_short():
    few = PoolSettings(free_slot_target=0, max_hosts=1)
    wanted = ahead_until(few, [a_course(slots=30)], at("2026-01-05 10:00"), NOW)[-1]
    assert sum(wanted.mix.shortage) == 30 - few.slots_large


def test_a_pool_that_shuts_down_wants_nothing():
    down = PoolSettings(timetable=LESSON, shutdown_mode=True)
    assert {(one.target.slots, one.mix.sizes == []) for one in week_ahead(down, [a_course()], NOW)} == {(0, True)}
