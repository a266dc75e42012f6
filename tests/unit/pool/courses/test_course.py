"""Whose sessions a course has, when its slots are reserved, and how many are still to come."""

import pytest

from pool.courses.course import check_member, course_of, missing_sessions, slots_to_come
from pool.errors import BadRequest, Refused
from pool.states import InstanceState
from pool.timetable import read_times
from tests.rigs.pool_data import a_course, an_instance, later

pytestmark = pytest.mark.unit

HOUR, NINE = 3600, 3600  # seconds since `NOW`, a Monday at eight


def of_course(instance_id: str = "s-1", **values):
    return an_instance(instance_id, options={"course": "bio101"}, **values)


def test_a_session_is_of_the_course_that_its_request_names():
    assert a_course().has(of_course())
    assert not a_course("chem").has(of_course())


def test_a_session_of_a_member_is_of_the_course_without_naming_it_unless_it_names_another():
    course = a_course(users=frozenset({"alice"}))
    assert course.has(an_instance())
    assert not course.has(an_instance(user="eve"))
    assert not course.has(an_instance(options={"course": "chem"}))


def test_a_session_by_another_blueprint_or_of_another_pool_is_not_of_the_course():
    assert not a_course().has(of_course(blueprint="rstudio"))
    assert not a_course().has(of_course(pool="gpu"))


def test_a_session_counts_for_one_course_alone():
    both = [a_course(name, users=frozenset({"alice"})) for name in ("bio", "chem")]
    assert course_of(both, an_instance()) == "bio"
    assert missing_sessions(both, [an_instance()]) == {"bio": 3, "chem": 4}


@pytest.mark.parametrize(
    ("seconds", "reserved"), [(44 * 60, False), (45 * 60, True), (3 * HOUR - 1, True), (3 * HOUR, False)]
)
def test_slots_are_reserved_from_some_minutes_before_the_class_to_its_end(seconds, reserved):
    assert a_course().reserves(later(seconds), later(seconds)) is reserved


def test_a_class_that_goes_on_past_midnight_is_one():
    course = a_course(times=["Sun 23:00-01:00"])
    assert course.classes(later(-9 * HOUR + 60), later(-8 * HOUR)) == [(later(-9 * HOUR), later(-7 * HOUR))]


def test_a_time_is_meant_in_the_zone_of_the_pool_also_when_the_clocks_change():
    (winter,) = a_course(zone="Europe/Berlin").classes(later(0), later(60))
    assert winter == (later(0), later(2 * HOUR))
    (summer,) = a_course(zone="Europe/Berlin").classes(later(91 * 86400), later(91 * 86400 + 60))
    assert summer[1] == later(91 * 86400 + HOUR)


@pytest.mark.parametrize("line", ["Mon", "Mon 9-11", "Tag 09:00-11:00", "Mon 09:00-11:00: 60", ""])
def test_a_time_that_cannot_be_read_is_refused_with_how_it_is_written(line):
    with pytest.raises(BadRequest, match="write it like 'Mon,Wed 09:00-11:00'"):
        read_times([line], "UTC")


def test_room_is_wanted_for_the_sessions_that_a_course_may_still_begin():
    running = [of_course("s-1"), of_course("s-2", state=InstanceState.QUEUED), an_instance("other")]
    assert list(slots_to_come([a_course()], running, later(NINE), later(NINE))) == [1, 1]
    assert list(slots_to_come([a_course(needs=2)], [], later(NINE), later(NINE))) == [2, 2]
    assert list(slots_to_come([a_course()], [], later(0), later(60))) == []


def test_a_request_that_names_a_course_of_another_blueprint_or_of_others_is_refused():
    with pytest.raises(Refused, match="course bio101 is of blueprint jupyter, not rstudio"):
        check_member(a_course(), "rstudio", "ada")
    with pytest.raises(Refused, match="user 'eve' is not in course bio101"):
        check_member(a_course(users=frozenset({"ada"})), "jupyter", "eve")
    check_member(a_course(), "jupyter", "eve")
