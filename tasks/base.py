"""What every task here is, and where its blocking work goes."""

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import lru_cache, partial, wraps
from inspect import iscoroutinefunction
from typing import Any, Generic, ParamSpec, TypeVar, overload

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from blocks.look_up import LookUp, may_pass
from blocks.outside import log, now, outside

__all__ = [
    "PoolTask",
    "accepted_at",
    "blocking",
    "confirmed_by_operator",
    "flush_publisher",
    "log",
    "look_up",
    "now",
    "pool_task",
    "run_id",
    "run_parameters",
    "sql_step",
    "tag_run",
    "this_run",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: The one executor of a process: all work that blocks is done in it, never on a loop that other work shares. An idle
#: thread costs little; what must be scarce is limited where it is used (hosts by Pace, pushes by leases).
THREADS = 256


@lru_cache(maxsize=1)
def _executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="blocking")


def run_id() -> str:
    """Return the id of the flow run that asks."""
    return outside().prefect.run_id


def accepted_at() -> datetime | None:
    """Return when the flow run that asks was to begin."""
    return outside().prefect.accepted_at


def run_parameters() -> dict[str, Any]:
    """Return the parameters of the flow run that asks."""
    return outside().prefect.parameters


def this_run() -> str:
    """Name the flow run that asks, as holders of leases are named."""
    return f"flow run {run_id()}"


async def tag_run(tags: list[str]) -> None:
    """Give the flow run that asks these tags, by which the UI finds it."""
    if tags:
        await outside().prefect.tag(tags)


async def confirmed_by_operator(question: str, seconds: int) -> bool:
    """Pause the flow run that asks until an operator answers, at most so many seconds; whether it is with yes."""
    return await outside().prefect.confirmed(question, seconds)


async def flush_publisher(seconds: float = 10) -> None:
    """Wait until what this process has committed is told, at most so many seconds; the next tick tells the rest."""
    await blocking(outside().publisher.flush, seconds)


async def blocking(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that blocks in the process's one executor, in a copy of the caller's context."""
    call = partial(copy_context().run, partial(_answer_of, partial(function, *args, **kwargs)))
    return await get_running_loop().run_in_executor(_executor(), call)


def _answer_of(function: Callable[[], R]) -> R:
    """Call a function; what a future cannot end with, and its caller would wait for without end, ends it otherwise."""
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError("a function that blocks raised StopIteration") from error


class PoolTask(Task[P, Any], Generic[P, T]):
    """A task that is called through the door, so that a test or the simulator runs it without Prefect's engine."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:  # type: ignore[override]  # ours are all async
        """Run the task; await what this returns."""
        return outside().prefect.call(self, args, kwargs)


class PoolLookUp(PoolTask[P, T], LookUp[P]):
    """A step that is called in the same way, and makes no task run."""


async def worth_retrying(task: Task, task_run: TaskRun, state: State) -> bool:  # noqa: ARG001 - Prefect's signature
    """Whether what the task met may pass until the next time."""
    return may_pass(await state.aresult(raise_on_failure=False))


class _Decorator:
    """Makes a task of a function; keeps the function's types."""

    def __init__(self, kind: type[PoolTask], options: dict[str, Any], publishes: bool = True) -> None:
        self._kind, self._options, self._publishes = kind, options, publishes

    @overload
    def __call__(self, function: Callable[P, Awaitable[T]]) -> PoolTask[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, T]) -> PoolTask[P, T]: ...
    def __call__(self, function: Any) -> Any:
        body = function if iscoroutinefunction(function) else _in_executor(function)
        body = _publishing(body) if self._publishes else body
        return self._kind(body, persist_result=False, cache_policy=NO_CACHE, **self._options)


def pool_task(publishes: bool = True, **options: Any) -> _Decorator:
    """Declare a task. A body that blocks is a plain function: it runs in the process's one executor.

    Its result is kept nowhere: it may hold a session's token. It is never skipped because it ran before with the same
    inputs: every task looks at the world, and the world has changed. Errors that may pass are
    retried; a refusal is not.

    Args:
        publishes: whether what it writes to SQL is told at once. Where it is not, the step after it has it told.
        options: what Prefect's ``task`` takes: ``task_run_name``, ``retries``, ``retry_delay_seconds`` …
    """
    if options.get("retries"):
        options.setdefault("retry_condition_fn", worth_retrying)
    return _Decorator(PoolTask, options, publishes)


def look_up(**options: Any) -> _Decorator:
    """Declare a step that only looks, or writes down and shows what was seen: like a task, but without a task run.

    Args:
        options: ``retries``, ``retry_delay_seconds``, ``timeout_seconds``; a refusal is not retried.
    """
    if options.get("retries"):
        options.setdefault("retry_condition_fn", worth_retrying)
    return _Decorator(PoolLookUp, options)


def sql_step(publishes: bool = True) -> _Decorator:
    """Declare a step that is guarded writes to SQL alone, with no retries: like a task, but without a task run.

    It is for what every start comes through, and is over in milliseconds: a task run costs several times as much. What
    it wrote is in the history of each session, and shown by the tasks beside it.

    Args:
        publishes: as of :func:`pool_task`.
    """
    return _Decorator(PoolLookUp, {}, publishes)


def _in_executor(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await blocking(function, *args, **kwargs)

    return run


def _publishing(body: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Wake the process's publisher after a task that wrote to SQL: telling is nothing that a task does itself."""

    @wraps(body)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        before = outside().store.writes
        try:
            return await body(*args, **kwargs)
        finally:
            if outside().store.writes != before:
                outside().publisher.wake(_publish)

    return run


def _publish() -> None:
    from tasks.publishing.publisher import publish_changes  # noqa: PLC0415 - its tasks are made by this module

    publish_changes()
