"""What every task here is."""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable

import pytest
from prefect import Task
from prefect.cache_policies import NO_CACHE

import tasks
from tasks.base import blocking

pytestmark = pytest.mark.unit

MODULES = [importlib.import_module(module.name) for module in pkgutil.walk_packages(tasks.__path__, "tasks.")]
TASKS = {task.name: task for module in MODULES for task in vars(module).values() if isinstance(task, Task)}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_keeps_its_result_nowhere_and_is_never_skipped(name):
    assert TASKS[name].persist_result is False
    assert TASKS[name].cache_policy == NO_CACHE


def test_a_step_whose_function_runs_out_of_items_ends_with_an_error_and_not_never():
    async def step() -> None:
        await asyncio.wait_for(blocking(next, iter(())), 5)

    with pytest.raises(RuntimeError, match="raised StopIteration"):
        asyncio.run(step())


def _awaits(function: Callable) -> bool:
    written = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(written, ast.FunctionDef | ast.AsyncFunctionDef)
    inside = (node for part in written.body for node in ast.walk(part))
    return any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in inside)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_that_waits_for_nothing_runs_beside_the_loop_that_all_share(name):
    written = inspect.unwrap(TASKS[name].fn)  # a plain function is put into the executor
    assert not inspect.iscoroutinefunction(written) or _awaits(written)
