"""A point whose pipeline or step has another name by now would never be reached."""

import importlib
import pkgutil
from types import ModuleType

import pytest
from prefect import Flow, Task

import flows
import tasks
from tests.reliability.accepted import Age
from tests.reliability.in_flight import HELD_AT, ROUNDS
from tests.reliability.kill_anywhere import chosen
from tests.reliability.points import AHEAD, AWAY, END, POINTS, PROVISION, TAKE, TICK, Point, Victim
from tests.reliability.scenes.works import WORKS

pytestmark = pytest.mark.unit

WARM = {PROVISION, END, TICK}


def values_of(package: ModuleType) -> list[object]:
    """Whatever the modules of a package hold."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [value for module in found for value in vars(importlib.import_module(module.name)).values()]


def test_each_step_that_is_struck_or_held_is_a_task():
    steps = {value.fn.__name__ for value in values_of(tasks) if isinstance(value, Task)}
    named = {point.step for point in POINTS} | {step for step, _ in HELD_AT.values()}
    assert named - steps == {TAKE, AHEAD}


def test_each_point_names_a_pipeline_that_is_a_flow_and_that_can_be_begun():
    names = {value.name for value in values_of(flows) if isinstance(value, Flow)}
    struck = {(point.scene, point.pipeline) for point in POINTS}
    assert {pipeline for _, pipeline in struck} - names == set()
    assert struck == {(scene, pipeline) for scene, works in WORKS.items() for pipeline in works}


def test_there_are_sixty_points_at_least_and_none_twice():
    assert len(set(POINTS)) == len(POINTS) >= 60


def test_each_pipeline_of_a_warm_worker_is_struck_between_pending_and_its_first_line():
    assert {point.pipeline for point in POINTS if point.step == TAKE and point.victim is Victim.WORKER} == WARM


@pytest.mark.parametrize("victim", Victim)
def test_everything_that_can_die_dies_at_some_point(victim):
    assert [point for point in POINTS if point.victim is victim]


def test_both_databases_are_away_for_ten_seconds_and_for_sixty_and_the_server_for_thirty():
    assert sorted(AWAY.values()) == [0, 10, 10, 30, 60, 60]


def test_requests_of_five_ages_are_in_flight_beside_the_one_that_is_struck():
    held = [age for round_ in ROUNDS for age in round_]
    assert set(held) == set(HELD_AT)
    assert {*held, Age.POSTED} == set(Age) - {Age.STRUCK}


def test_a_campaign_goes_on_with_the_first_point_that_is_named():
    points = [Point(PROVISION, step, "before") for step in ("a", "b", "c")]
    assert chosen(points, begin="before b") == points[1:]
    assert chosen(points, only="before b") == [points[1]]
    assert chosen(points, begin="nowhere") == []
