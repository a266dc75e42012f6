"""The form of a course: what it takes, what it means, and one that cannot be read among others that can."""

import pytest
from pydantic import ValidationError

from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from blocks.stored.pool_config import PoolConfig
from pool.errors import NotFound
from tests.rigs.fakes import FakeBlocks

pytestmark = pytest.mark.unit

LAB = Blueprint(image="lab", port=8888, slots=2)
BIO = {"blueprint": "lab", "times": ["Mon 09:00-11:00"], "slots": 60}


def stored(**courses) -> FakeBlocks:
    config = PoolConfig(DD_TIMEZONE="Europe/Berlin")
    return FakeBlocks({Blueprint: {"lab": LAB}, PoolConfig: {"main": config}, CourseBlock: courses})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"times": ["Mon 9-11"]}, "the time 'Mon 9-11' cannot be read; write it like"),
        ({"times": []}, "a course has one time at least"),
        ({"slots": 0}, "greater than or equal to 1"),
        ({"users": ["a\nb"]}, "user"),
        ({"users": [f"u{number}" for number in range(501)]}, "500 users at the most, not 501"),
        ({"start_before": 10}, "for whom sessions are to be started before the class is not known"),
        ({"files": "../etc"}, "files '../etc' is no name of a folder or archive in courses/"),
        ({"files_at": "course"}, "'course' is no place for files"),
        ({"files_at": "/etc"}, "'/etc' is no place for files"),
    ],
)
def test_the_form_refuses_what_no_course_can_mean(values, said):
    with pytest.raises(ValidationError) as refused:
        CourseBlock(**BIO | values)
    assert said in str(refused.value)


def test_a_time_with_commas_is_one_time_also_as_a_text():
    assert CourseBlock(**BIO | {"times": "Mon,Wed 09:00-11:00; Fri 10:00-12:00"}).times == [
        "Mon,Wed 09:00-11:00", "Fri 10:00-12:00",
    ]  # fmt: skip


def test_a_course_has_the_pool_and_the_slots_of_its_blueprint_and_its_minutes_as_seconds():
    course = stored(bio101=CourseBlock(**BIO)).course("bio101")
    assert (course.pool, course.needs, course.slots, course.reserve_before) == ("main", 2, 60, 900)
    assert course.times[0].zone.key == "Europe/Berlin"


def test_slots_are_reserved_as_early_as_the_sessions_of_a_class_start():
    course = stored(bio101=CourseBlock(**BIO, users=["ada"], start_before=30)).course("bio101")
    assert (course.start_before, course.reserve_before) == (1800, 1800)


def test_a_member_is_one_however_the_name_is_spelled():
    course = stored(bio101=CourseBlock(**BIO | {"users": ["Ce\u0301line", "C\u00e9line"]})).course("bio101")
    assert course.users == {"C\u00e9line"}


def test_a_course_whose_blueprint_is_gone_takes_nothing_from_the_others():
    found = stored(bio101=CourseBlock(**BIO), chem=CourseBlock(**BIO | {"blueprint": "gone"})).courses()
    assert [course.name for course in found.of("main")] == ["bio101"]
    assert "no blueprint is named 'gone'" in found.unreadable["chem"]


def test_a_course_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(NotFound, match="no course is named 'bio'; known: bio101"):
        stored(bio101=CourseBlock(**BIO)).course("bio")
