"""Which sessions are started before a class, under which ids."""

import pytest

from pool.courses.starting import next_start, session_id, start_due, starts_due
from pool.decisions import DecisionKind
from pool.housekeeping.observation import Observation
from pool.housekeeping.plan import plan
from pool.names import check_instance_id
from pool.settings import PoolSettings
from tests.rigs.pool_data import NOW, a_course, later
from tests.rigs.present import present

pytestmark = pytest.mark.unit

HOUR = 3600
COURSE = a_course(users=frozenset({"ada", "bob"}), start_before=600)


def decided(seconds: float, settings=None, **seen) -> list[str]:
    decisions = plan(Observation((), (), None, courses=(COURSE,), **seen), settings or PoolSettings(), later(seconds))
    return [one.reason for one in decisions if one.kind is DecisionKind.START_CLASS]


def test_the_sessions_of_a_class_are_started_some_minutes_before_it_each_under_an_id_of_its_own():
    assert start_due(COURSE, later(HOUR - 601)) is None
    start = present(start_due(COURSE, later(HOUR - 600)))
    assert sorted(start.sessions.values()) == ["ada", "bob"]
    assert start == start_due(COURSE, later(2 * HOUR))
    assert start.request["options"] == {"course": "bio101"}


def test_the_next_class_has_other_ids_and_is_asked_for_anew():
    week = 7 * 24 * HOUR
    this, next_week = (present(start_due(COURSE, later(seconds))) for seconds in (HOUR, HOUR + week))
    assert this.key_at(NOW) != next_week.key_at(NOW)
    assert not this.sessions.keys() & next_week.sessions.keys()


def test_what_is_on_record_is_not_started_again_whatever_became_of_it():
    due = starts_due([COURSE], [], later(HOUR))[0].sessions
    assert starts_due([COURSE], list(due)[:1], later(HOUR))
    assert starts_due([COURSE], list(due), later(HOUR)) == []


def test_a_course_that_starts_none_beforehand_is_left_alone_and_its_next_class_can_be_started_by_hand():
    course = a_course(users=frozenset({"ada"}))
    assert start_due(course, later(HOUR)) is None
    assert present(next_start(course, NOW)).begins == later(HOUR)


@pytest.mark.parametrize("user", ["ada", "Ada Lovelace@example.org", "ÄÖÜ", "a" * 128, "-"])
def test_the_id_of_a_users_session_is_one_that_an_instance_can_have(user):
    ids = {session_id("a-course-with-a-very-long-name-" * 3, later(0), user), session_id("bio", later(0), user)}
    for one in ids:
        check_instance_id(one)


def test_users_whose_names_look_alike_in_an_id_have_two_sessions():
    assert session_id("bio", NOW, "a.b") != session_id("bio", NOW, "a-b")


def test_a_tick_decides_to_start_a_class_until_its_sessions_are_on_record():
    reason = "its class begins at 2026-01-05 09:00 UTC; 2 of its 2 sessions are not on record"
    assert (decided(0), decided(HOUR - 300)) == ([], [reason])
    assert decided(HOUR - 300, started=frozenset(present(start_due(COURSE, later(HOUR))).sessions)) == []
    assert decided(HOUR - 300, asked_to_start=frozenset({"bio101"})) == []


def test_a_pool_in_shutdown_mode_starts_no_class():
    assert decided(HOUR - 300, PoolSettings(shutdown_mode=True)) == []
