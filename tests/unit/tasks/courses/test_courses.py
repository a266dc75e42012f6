"""Requests of courses, and of others, while slots are reserved: what is recorded, given room, started and shown."""

import asyncio
from datetime import timedelta
from inspect import unwrap
from typing import Any

import pytest

from blocks.outside import standing_in
from blocks.stored.blueprint import Blueprint
from blocks.stored.course import CourseBlock
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from flows.sessions.provision_instances import provision_instances
from flows.sessions.start_course import start_course
from flows.steps.acting import act
from pool.decisions import Decision, DecisionKind
from pool.errors import NotFound, Refused
from pool.records import Image
from tasks.courses.rows import course_rows
from tasks.housekeeping.recording import read_settings
from tasks.sessions.positions import positions_in
from tasks.sessions.queue import check_waiting, give_out_room
from tasks.sessions.requests import record_instance
from tasks.sessions.standbys import standbys_for
from tests.rigs.fakes import Blocks, FakeBlocks, FakeClock, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, claim_active
from tests.rigs.services.databases import new_store

pytestmark = pytest.mark.unit

NINE = NOW + timedelta(hours=1)  # on a Monday
JUPYTER = Blueprint(image="jupyter", port=8888, standby=1)
BIO: dict[str, Any] = {
    "blueprint": "jupyter",
    "times": ["Mon 09:00-11:00"],
    "slots": 2,
    "users": ["ada", "bob"],
    "start_before": 15,
}


@pytest.fixture
def door(tmp_path):
    store = new_store(tmp_path)
    store.images.put(Image("main", "jupyter", "sha256:a", 1))
    store.images.mark(claim_active(store, slots=3).name, "sha256:a", NOW)
    blocks: Blocks = {
        PoolConfig: {"main": PoolConfig()},
        Blueprint: {"jupyter": JUPYTER},
        LinkKeys: {"main": LinkKeys.create()},
    }
    stored = FakeBlocks(blocks | {CourseBlock: {"bio101": CourseBlock(**BIO)}})
    ports = {"store": store, "stored": stored, "prefect": FakePrefect(), "clock": FakeClock(NINE)}
    with standing_in(fake_outside(**ports)) as door:
        yield door
    store.close()


def ask(*users: str, **options) -> list[str]:
    """Users ask for a session; those that have room then."""
    for user in users:
        asyncio.run(record_instance.fn(f"s-{user}", "jupyter", user, options))
    return [one.user for one in asyncio.run(give_out_room.fn("main"))]


def test_slots_of_a_course_are_left_to_its_members_though_others_asked_first(door):
    assert ask("eve", "kim", "lou") == ["eve"]
    assert ask("ada", "bob") == ["ada", "bob"]


def test_who_waits_beside_reserved_slots_is_told_so_and_is_given_no_estimate_by_their_room(door):
    ask("eve", "kim")
    notice = positions_in("main")["s-kim"][1].notice
    assert "slots are reserved: 2 for course bio101" in notice
    ask("ada", "bob")
    assert "reserved" not in positions_in("main")["s-kim"][1].notice


def test_a_request_that_does_not_wait_is_refused_with_what_is_reserved(door):
    asyncio.run(record_instance.fn("s-eve", "jupyter", "eve", {}))
    asyncio.run(give_out_room.fn("main"))
    session, recipe = asyncio.run(record_instance.fn("s-kim", "jupyter", "kim", {"wait": 0}))
    with pytest.raises(Refused, match=r"2 free on 1 active host .*; slots are reserved: 2 for course bio101"):
        asyncio.run(check_waiting.fn(session, recipe))


def test_a_tick_keeps_the_courses_of_its_pool_for_what_if_and_for_the_record_of_what_ends(door):
    asyncio.run(read_settings.fn("main"))
    assert [course.name for course in door.store.configs.courses("main")] == ["bio101"]


def test_outside_of_its_time_a_course_reserves_nothing(door):
    door.clock.moment = NINE + timedelta(hours=2)
    assert ask("eve", "kim", "lou") == ["eve", "kim", "lou"]


def test_a_request_that_names_a_course_that_there_is_not_or_whose_user_is_no_member_is_refused(door):
    with pytest.raises(NotFound, match="no course is named 'chem'; known: bio101"):
        ask("ada", course="chem")
    with pytest.raises(Refused, match="user 'eve' is not in course bio101"):
        ask("eve", course="bio101")
    assert door.store.instances.all() == []


def test_of_several_sessions_for_a_course_only_those_of_other_users_are_refused(door):
    sessions = [{"instance_id": f"b-{user}", "user": user} for user in ("ada", "eve")]
    said = asyncio.run(unwrap(provision_instances.fn)(sessions, "jupyter", {"course": "bio101"})).message
    assert said.startswith("1 starting, 1 refused; b-eve: user 'eve' is not in course bio101")


def test_a_standby_is_given_to_no_other_while_slots_are_reserved(door):
    host = door.store.hosts.all()[0].name
    standby = door.store.standbys.begin(door.stored.blueprint("jupyter"), host, "", "sha256:a", NOW)
    spec, settings = door.stored.blueprint("jupyter"), door.config("main").settings("main")
    assert standby
    assert standbys_for(spec, {}, settings, ["eve"]) == []


def start(door) -> list[str]:
    asyncio.run(act(Decision(DecisionKind.START_CLASS, "bio101", "its class begins"), 0))
    return [key for _, _, key in door.prefect.triggered]


def test_a_tick_asks_for_the_sessions_of_a_class_by_one_request_however_often_it_does(door):
    first, second = start(door)[0], start(door)[1]
    deployment, asked, _ = door.prefect.triggered[0]
    assert (deployment, asked["blueprint"], asked["options"]) == (
        "provision-instances/on-demand", "jupyter", {"course": "bio101"},
    )  # fmt: skip
    assert [one["user"] for one in asked["sessions"]] == ["ada", "bob"]
    assert first == second


def test_sessions_of_a_class_that_are_not_on_record_ten_minutes_later_are_asked_for_by_another_run(door):
    first = start(door)[0]
    door.clock.moment = NINE + timedelta(minutes=10)
    assert first not in start(door)[1:]


def test_what_an_operator_starts_is_what_the_tick_would_start(door):
    asyncio.run(unwrap(start_course.fn)("bio101"))
    start(door)
    assert door.prefect.triggered[0] == door.prefect.triggered[1]


def test_a_class_that_is_over_when_the_decision_is_carried_out_is_not_started(door):
    door.clock.moment = NINE + timedelta(hours=3)
    assert start(door) == []


def test_the_command_shows_the_times_the_members_and_how_many_sessions_there_are(door):
    ask("ada")
    (row,) = course_rows()
    assert (row["course"], row["slots"], row["sessions"], row["reserved_now"], row["users"]) == (
        "bio101", 2, 1, "yes", "ada, bob",
    )  # fmt: skip


def test_the_command_says_what_the_next_class_will_lack(door):
    door.stored.blocks[PoolConfig]["main"].DD_MAX_HOSTS = 0
    assert str(course_rows()[0]["trouble"]).startswith("2 slots short: pool main may have 0 hosts")
