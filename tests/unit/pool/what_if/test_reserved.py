"""A replay of a pool whose courses have reserved slots."""

from random import Random
from typing import Any

import pytest

from pool.sessions.visits import Visit
from pool.settings import PoolSettings
from pool.what_if.figures import figures
from pool.what_if.replay import Replay
from tests.rigs.pool_data import NOW, a_course, later

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

HOUR, MINUTE = 3600, 60  # a replay begins on a Monday at 08:00


def visit(at: float, stays: float = HOUR, slots: int = 1, course: str = "") -> Visit:
    return Visit(later(at), slots, stayed=stays, allowed=stays, course=course)


def replayed(visits, courses, hours: float = 4, skips: bool = True, boots=(120,), **settings) -> Replay:
    ordered = sorted(visits, key=lambda one: one.at)
    return Replay(PoolSettings(**settings), ordered, boots, NOW, later(hours * HOUR), skips, courses).run()


def test_the_users_of_a_course_wait_for_nothing_where_they_would_for_a_boot_without_it():
    students = [visit(HOUR + number, course="bio101") for number in range(60)]
    assert figures(replayed(students, [a_course(slots=60)])).wait_longest_s == 0
    assert figures(replayed(students, [])).wait_p95_s > 60


def test_what_is_reserved_is_left_alone_by_those_who_come_before_the_class_and_is_theirs_after_it():
    bio = a_course(times=["Mon 09:00-10:00"], slots=6)
    guests = [visit(50 * MINUTE) for _ in range(6)]
    students = [visit(HOUR, course="bio101") for _ in range(6)]
    full: dict[str, Any] = {"max_hosts": 1, "slots_large": 6, "free_slot_target": 0, "queue_timeout": 2 * HOUR}
    assert replayed(guests + students, [bio], **full).waits == [0] * 6 + [70 * MINUTE] * 6
    assert replayed(guests + students, [], **full).waits == [120] * 6 + [52 * MINUTE] * 6


def test_more_users_of_a_course_than_it_has_slots_wait_like_all_others():
    bio = a_course(slots=4)
    students = [visit(HOUR, 3 * HOUR, course="bio101") for _ in range(8)]
    full: dict[str, Any] = {"max_hosts": 1, "slots_large": 6, "slots_small": 6, "free_slot_target": 0}
    took = replayed(students, [bio], hours=3, queue_timeout=300, **full)
    assert (took.waits, took.refused) == ([0] * 6, 2)


def test_a_visit_of_a_course_that_the_pool_has_no_more_is_one_of_none():
    bio = a_course(slots=6)
    full: dict[str, Any] = {"max_hosts": 1, "slots_large": 6, "free_slot_target": 0}
    assert replayed([visit(50 * MINUTE, course="chem2")], [bio], **full).refused == 1
    assert replayed([visit(50 * MINUTE, course="bio101")], [bio], **full).waits == [0]


def test_sessions_that_were_started_beforehand_are_replayed_as_they_came_and_none_is_started_anew():
    bio = a_course(slots=2, users=frozenset({"ada", "bob"}), start_before=600)
    students = [visit(50 * MINUTE, course="bio101") for _ in range(2)]
    replay = replayed(students, [bio])
    assert (replay.waits, replay.refused) == ([0, 0], 0)
    assert replay.ticks < 4 * 60  # what is asked for at each tick would let none be left out


@pytest.mark.no_cover  # it runs a second time what the other tests run
@pytest.mark.parametrize("seed", range(3))
def test_ticks_that_are_left_out_beside_courses_would_have_decided_nothing(seed):
    chance = Random(seed)
    times = [["Mon 09:40-11:00"], ["daily 11:30-12:30", "Mon 14:00-14:10"]]
    courses = [a_course(f"c{number}", times=lines, slots=9, needs=number + 1) for number, lines in enumerate(times)]
    ats = chance.choices(range(5 * HOUR), k=24)
    visits = [visit(at, chance.randrange(60, HOUR), 1, chance.choice(["", "c0"])) for at in ats[:14]]
    visits += [visit(at, chance.randrange(60, HOUR), 2, "c1") for at in ats[14:]]
    usual: dict[str, Any] = {"hours": 7, "boots": [70, 130, 310], "host_lifetime": HOUR}
    ours, every = (replayed(visits, courses, skips=skips, **usual) for skips in (True, False))
    assert ours.ticks < every.ticks / 2
    assert (ours.waits, ours.spawned, figures(ours)) == (every.waits, every.spawned, figures(every))
