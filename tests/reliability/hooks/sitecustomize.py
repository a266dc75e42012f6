"""Hold and strike runs at a step: loaded by every Python process of a stack that was started with this on its path.

The product knows nothing of it. When its tasks are imported, their calls and those of look-ups are watched, and so is
the moment at which a warm worker's run begins, and what it does before that, for several together or beside the taking
of one, whose steps are watched as if its flow took them. Where the step comes
that the order names, the order is taken (by renaming it, so that it is carried out once): the run says in which process
it is, and waits there until the campaign has struck. A run whose session has a hold waits in the same way until the
hold is taken away.
"""

import asyncio
import importlib.abc
import importlib.util
import inspect
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

PATIENCE = 120  # seconds: a campaign that was killed holds no run for ever
#: The pipeline and parameters of the run beside whose taking the worker does something at this moment.
_beside: ContextVar[tuple[str, dict] | None] = ContextVar("beside", default=None)


def reached(step: str, when: str, pipeline: str | None = None, parameters: dict | None = None) -> None:
    """A step is about to begin, or has just ended: wait here if there is a hold, or the order says so."""
    file = Path(os.environ["KILL_ORDER"])
    session = (parameters or {}).get("instance_id", "")
    hold = file.with_name("holds") / (session or "none")
    if _read(hold) == {"step": step, "when": when}:
        hold.with_suffix(".held").touch()
        _wait_until(lambda: not hold.exists())
    order = _read(file)
    if not order or (order["pipeline"], order["step"], order["when"]) != (pipeline, step, when):
        return
    if order["session"] in ("", session) and _taken(file):
        _wait_until(file.with_suffix(".struck").exists)


def _read(file: Path) -> dict:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return {}


def _taken(order: Path) -> bool:
    try:
        order.rename(order.with_suffix(".taken"))
    except OSError:
        return False  # another process was faster
    draft = order.with_suffix(".draft")
    draft.write_text(str(os.getpid()))
    draft.rename(order.with_suffix(".pid"))
    return True


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def _of_this_run() -> tuple[str | None, dict]:
    from prefect.runtime import flow_run  # noqa: PLC0415 - this file is loaded by processes that know no Prefect

    return flow_run.flow_name, flow_run.parameters


def watch_tasks(base: Any) -> None:
    """Have each call of a task pass by here."""
    call = base.PoolTask.__call__

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        if found := _beside.get():
            return _in_steps(self.fn.__name__, found, lambda: call(self, *args, **kwargs))
        reached(self.fn.__name__, "before", *_of_this_run())
        result = call(self, *args, **kwargs)
        if inspect.isawaitable(result):
            return _then(result, self.fn.__name__)
        reached(self.fn.__name__, "after", *_of_this_run())
        return result

    base.PoolTask.__call__ = watched


async def _in_steps(step: str, found: tuple[str, dict], call: Callable[[], Awaitable[Any]]) -> Any:
    """A step that the worker takes for a run; its loop goes on while it is held."""
    await asyncio.to_thread(reached, step, "before", *found)
    value = await call()
    await asyncio.to_thread(reached, step, "after", *found)
    return value


async def _then(result: Awaitable[Any], step: str) -> Any:
    value = await result
    reached(step, "after", *_of_this_run())
    return value


def watch_worker(warm_run: Any) -> None:
    """Have each run of a warm worker pass by here, once it is Pending and before its first line runs."""
    run = warm_run.WarmRun._run

    def watched(self: Any) -> None:
        reached("take", "after", self._flow.name, self._flow_run.parameters)
        run(self)

    warm_run.WarmRun._run = watched


def watch_beginnings(beginnings: Any) -> None:
    """Have what a warm worker does together for several runs, before they begin, pass by here; it may take its time."""
    beginnings.AHEAD_SECONDS = PATIENCE
    sys.modules["tasks.sessions.coming_runs"].BESIDE_SECONDS = PATIENCE  # type: ignore[attr-defined]
    for pipeline, ahead in beginnings.AHEAD.items():
        alone, together = partial(_alone, pipeline, ahead.alone), partial(_together, pipeline, ahead.record)
        beginnings.AHEAD[pipeline] = replace(ahead, alone=alone, record=together)


async def _alone(pipeline: str, alone: Callable[..., Awaitable[Any]], run: Any) -> Any:
    found = _beside.set((pipeline, dict(run.parameters)))
    try:
        return await alone(run)
    finally:
        _beside.reset(found)


async def _together(pipeline: str, together: Callable[..., Awaitable[Any]], runs: Sequence[Any]) -> Any:
    """The worker's loop goes on meanwhile: other runs begin."""
    await asyncio.to_thread(reached, "ahead", "before", pipeline)
    value = await together(runs)
    await asyncio.to_thread(reached, "ahead", "after", pipeline)
    return value


class _WhenImported(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets a module be imported as usual, and watches it from then on."""

    _loader: importlib.abc.Loader

    def __init__(self, name: str, watch: Callable[[ModuleType], None]) -> None:
        self._name, self._watch = name, watch

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._watch(module)


if "KILL_ORDER" in os.environ:
    sys.meta_path.insert(0, _WhenImported("tasks.base", watch_tasks))
    sys.meta_path.insert(0, _WhenImported("runtime.worker.runs.warm_run", watch_worker))
    sys.meta_path.insert(0, _WhenImported("runtime.worker.runs.beginnings", watch_beginnings))
