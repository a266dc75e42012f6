"""What every task here is."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, Unpack

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import TaskOptions

P = ParamSpec("P")
R = TypeVar("R")


def verb(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task that does its work whenever it is called.

    Its result is kept nowhere: it may hold a session's token. And it is never skipped because it ran before with the
    same inputs: every verb looks at the world, and the world has changed. The task keeps the types of the function.
    """
    chosen = TaskOptions(persist_result=False, cache_policy=NO_CACHE) | options

    def make(work: Callable[P, R]) -> Task[P, R]:
        return Task(work, **chosen)

    return make
