"""What every task here is."""

import importlib
import pkgutil

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE

import tasks

pytestmark = pytest.mark.unit

MODULES = [importlib.import_module(module.name) for module in pkgutil.walk_packages(tasks.__path__, "tasks.")]
TASKS = {task.name: task for module in MODULES for task in vars(module).values() if isinstance(task, Task)}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_keeps_its_result_nowhere_and_is_never_skipped(name):
    assert TASKS[name].persist_result is False
    assert TASKS[name].cache_policy == NO_CACHE
