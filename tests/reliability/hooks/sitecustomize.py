"""Strike at a step of a pipeline: loaded by every Python process of a stack that was started with this on its path.

The product knows nothing of it. When its tasks are imported, their calls and those of look-ups are watched; where the
step comes that the order names, the order is taken (by renaming it, so that it is carried out once), its victim killed.
"""

import importlib.abc
import importlib.util
import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ORDER = Path(os.environ.get("KILL_ORDER", "/nonexistent"))


def reached(step: str, when: str) -> None:
    """A step is about to begin, or has just ended: strike if the order says so."""
    try:
        order = json.loads(ORDER.read_text())
    except (OSError, ValueError):
        return
    if (order["step"], order["when"]) != (step, when) or order["pipeline"] != _pipeline():
        return
    try:
        ORDER.rename(ORDER.with_suffix(".taken"))
    except OSError:
        return  # another process was faster
    if order["command"]:
        subprocess.run(order["command"], check=False, stdin=subprocess.DEVNULL, capture_output=True)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _pipeline() -> str | None:
    from prefect.runtime import flow_run  # noqa: PLC0415 - this file is loaded by processes that know no Prefect

    return flow_run.flow_name


def watch(tasks) -> None:
    """Have each call of a task pass by here."""
    call = tasks.PoolTask.__call__

    def watched(self, *args, **kwargs):
        reached(self.fn.__name__, "before")
        result = call(self, *args, **kwargs)
        if inspect.isawaitable(result):
            return _then(result, self.fn.__name__)
        reached(self.fn.__name__, "after")
        return result

    tasks.PoolTask.__call__ = watched


async def _then(result, step: str):
    value = await result
    reached(step, "after")
    return value


class _WhenImported(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets `tasks.base` be imported as usual, and watches it from then on."""

    def find_spec(self, name, path, target=None):
        if name != "tasks.base":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        watch(module)


if "KILL_ORDER" in os.environ:
    sys.meta_path.insert(0, _WhenImported())
