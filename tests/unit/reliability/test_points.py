"""A point whose pipeline or step has another name by now would never be reached."""

import importlib
import pkgutil
from types import ModuleType

import pytest
from prefect import Flow, Task

import flows
import tasks
from tests.reliability.points import POINTS
from tests.reliability.works import WORKS

pytestmark = pytest.mark.unit


def values_of(package: ModuleType) -> list[object]:
    """Whatever the modules of a package hold."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [value for module in found for value in vars(importlib.import_module(module.name)).values()]


def test_each_point_names_a_step_that_is_a_task():
    steps = {value.fn.__name__ for value in values_of(tasks) if isinstance(value, Task)}
    assert {point.step for point in POINTS} - steps == set()


def test_each_point_names_a_pipeline_that_is_a_flow_and_that_can_be_begun():
    names = {value.name for value in values_of(flows) if isinstance(value, Flow)}
    pipelines = {point.pipeline for point in POINTS}
    assert pipelines - names == set()
    assert pipelines == set(WORKS)
