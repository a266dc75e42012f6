"""Classes that never were, and rushes that were."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pool.errors import BadRequest
from pool.sessions.visits import Visit
from pool.what_if.classes import Supposed, read_class, visits_of
from pool.what_if.rushes import timetable_of_rushes
from tests.rigs.pool_data import NOW, later

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = 7 * 86400


def test_a_class_comes_on_each_of_its_days_in_the_pools_time_zone():
    visits = [*visits_of(read_class("60@Wed09:00"), NOW, later(2 * WEEK), BERLIN)]
    assert len(visits) == 120
    assert {visit.at.astimezone(BERLIN).strftime("%a") for visit in visits} == {"Wed"}
    assert all(8 <= visit.at.astimezone(BERLIN).hour <= 9 for visit in visits)


def test_a_class_stays_to_its_end_which_is_after_90_minutes_where_none_is_said():
    assert read_class("60@Mon09:00").lasts == timedelta(minutes=90)
    assert read_class("60@mon 9:00-10:15").lasts == timedelta(minutes=75)


def test_the_same_class_is_always_the_same():
    one = read_class("30@Tue14:00")
    assert [*visits_of(one, NOW, later(WEEK), BERLIN)] == [*visits_of(one, NOW, later(WEEK), BERLIN)]


def test_a_course_that_never_was_has_the_users_of_such_a_class_and_a_slot_for_each_around_it():
    (bio,) = Supposed(courses=["30@Tue14:00-15:30"]).extra
    visits, of_class = ([*visits_of(one, NOW, later(WEEK), BERLIN)] for one in (bio, read_class("30@Tue14:00-15:30")))
    assert [(visit.at, visit.stayed) for visit in visits] == [(visit.at, visit.stayed) for visit in of_class]
    assert {visit.course for visit in visits} == {"30@Tue14:00-15:30"}
    course, ten_to_two = bio.reserving("main", BERLIN), datetime(2026, 1, 6, 13, 50, tzinfo=BERLIN)
    assert (course.slots, course.reserves(ten_to_two, ten_to_two)) == (30, True)
    assert not course.reserves(ten_to_two + timedelta(hours=2), ten_to_two + timedelta(hours=3))


def test_of_a_class_on_monday_at_midnight_some_come_late_on_sunday():
    visits = [*visits_of(read_class("60@Mon00:00"), NOW, later(2 * WEEK), BERLIN)]
    assert len(visits) == 120
    assert {visit.at.astimezone(BERLIN).strftime("%a %H") for visit in visits} == {"Sun 23", "Mon 00"}


def test_of_a_class_just_after_the_end_those_who_come_early_come():
    until = later(6 * 86400 + 15 * 3600)  # Sunday, 23:00 UTC: midnight in Berlin
    visits = [*visits_of(read_class("60@Mon00:00"), NOW, until - timedelta(seconds=1), BERLIN)]
    assert 20 < len(visits) < 40


@pytest.mark.parametrize("text", ["60", "60@Foo09:00", "60@Mon25:00", "60@Mon09:00-08:00", "sixty@Mon09:00", ""])
def test_what_is_no_class_is_refused_with_the_way_to_write_one(text):
    with pytest.raises(BadRequest, match=r"is no class; write users, day and time, like 60@Mon09:00"):
        read_class(text)


def test_a_rush_of_each_week_becomes_one_line_that_ends_when_it_begins():
    visits = [*visits_of(read_class("60@Wed09:00"), NOW, later(2 * WEEK), BERLIN)]
    (line,) = timetable_of_rushes(visits, BERLIN, least=6)
    assert line.text == "Wed 08:50-08:55: 60"


@pytest.mark.parametrize("begin", ["00:00", "00:05"])
def test_a_rush_at_the_beginning_of_the_week_is_awaited_late_on_sunday(begin):
    visits = [*visits_of(read_class(f"60@Mon{begin}"), NOW, later(3 * WEEK), BERLIN)]
    (line,) = timetable_of_rushes(visits, BERLIN, least=6)
    assert line.slots == 60
    assert line.text.startswith("Sun 23:")


def test_rushes_of_two_weeks_on_both_sides_of_midnight_are_one():
    midnight = 16 * 3600  # after which NOW's day ends, a Monday
    crowds = [(6 * 86400 + midnight - 60, 20), (13 * 86400 + midnight, 30)]
    visits = [Visit(later(at), 1) for at, users in crowds for _ in range(users)]
    (line,) = timetable_of_rushes(visits, ZoneInfo("UTC"), least=6)
    assert line.text == "Sun 23:50-23:55: 30"


def test_stragglers_are_no_rush():
    stragglers = [Visit(later(600 * number), 1) for number in range(500)]
    assert timetable_of_rushes(stragglers, BERLIN, least=6) == ()
