"""Prefect as a process of the world sees it: its run, its tasks, its log, its artifacts; and the publisher."""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from prefect import Task
from prefect.client.orchestration import PrefectClient

from blocks.prefect.answers import Answer
from blocks.prefect.port import PrefectPort
from blocks.publisher import Publisher
from pool.changes import Change
from pool.reports.run_forms import RunForms
from tests.rigs.simulator import runs
from tests.rigs.simulator.processes import Process

#: Steps of a tick that tell, show or forget, and that no decision depends on.
TELLING = frozenset({
    "changes_are_left", "publish_missed", "publish_positions", "notices_are_lost", "show_decisions", "show_hosts",
    "draw_pool_page", "show_pools", "look_at_blocks", "certificate_warnings", "forget_old", "forget_old_ticks",
    "forget_old_answers",
})  # fmt: skip


class SimulatedPrefect(PrefectPort):
    """The runs of a simulated server; every text is read by one that must not know a secret."""

    def __init__(self, world: Any) -> None:
        self._world = world

    @property
    def run_id(self) -> str:
        return str(runs.current_run.get().id)

    @property
    def accepted_at(self) -> datetime:
        return runs.current_run.get().expected_start_time

    @property
    def parameters(self) -> dict[str, Any]:
        return runs.current_run.get().parameters

    def log(self) -> logging.LoggerAdapter:
        return _Logger(self._world)

    def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        if task.name in TELLING and not self._world.tells:
            return _leave_out()
        return runs.run_task(self._world, task, args, kwargs)

    def client(self) -> AbstractAsyncContextManager[PrefectClient]:
        return self._world.prefect.client()

    async def trigger(self, deployment: str, parameters: dict, key: str, tags: Sequence[str] = ()) -> str:
        here = self._up()
        return str(here.prefect.start(deployment, parameters, key, list(tags)).id)

    async def confirmed(self, question: str, seconds: int) -> bool:
        return True

    async def tag(self, tags: Sequence[str]) -> None:
        self._world.secrets.check("tags of a run", " ".join(tags))

    async def forget_runs(self, before: datetime) -> int:
        return 0

    async def old_tables(self, prefix: str, since: datetime) -> list[str]:
        return []

    def emit(self, change: Change) -> None:
        self._world.hear(change)

    def tell_troubles(self, pool: str, troubles: Mapping[str, str]) -> None:
        self._world.secrets.check("an event", f"{pool} {troubles}")

    def run_forms(self, flows: Sequence[str]) -> RunForms:
        return RunForms()

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        here = self._up()
        here.secrets.check(f"artifact {key}", f"{rows} {description}")
        here.prefect.artifacts[key] = rows

    def write_picture(self, svg: str, key: str, description: str) -> None:
        self.write_table([{"picture": svg}], key, description)

    def write_answers(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self.write_table([answer.row], answer.key, answer.description)

    def begin_progress(self, key: str, description: str) -> UUID:
        self.write_table([], key, description)
        return uuid5(NAMESPACE_URL, key)

    def show_progress(self, artifact: UUID, percent: float, description: str) -> None:
        self.write_table([{"percent": percent}], str(artifact), description)

    def _up(self) -> Any:
        here = self._world.check_open()
        here.prefect.check_up()
        return here


class SimulatedPublisher(Publisher):
    """A task of the process that committed: it dies with it."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._running: dict[Process | None, int] = {}

    def wake(self, publish: Callable[[], object]) -> None:
        process = Process.current()
        if not self._world.tells or self._world.closed or (process and process.killed):
            return
        self._running[process] = self._running.get(process, 0) + 1
        asyncio.get_running_loop().create_task(self._publish(process, publish))

    def flush(self, seconds: float) -> bool:
        process, end = Process.current(), self._world.time + seconds
        while self._running.get(process) and self._world.time < end:
            self._world.wait(0.05)
        return not self._running.get(process)

    def again(self, seconds: float) -> None:
        """Leave it to the next change, or tick."""

    async def _publish(self, process: Process | None, publish: Callable[[], object]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, publish)
        except runs.Away:
            pass
        finally:
            self._running[process] -= 1


async def _leave_out() -> str:
    """What such a step says when there is nothing for it to do."""
    return ""


class _Logger(logging.LoggerAdapter):
    def __init__(self, world: Any) -> None:
        super().__init__(logging.getLogger("simulated"))
        self._world = world

    def log(self, level: int, msg: object, *args: object, **_more: Any) -> None:
        self._world.secrets.check("a log", str(msg) % (args[0] if len(args) == 1 else args), routes_too=True)

    def exception(self, msg: object, *args: object, **_more: Any) -> None:
        """An error that is none of ours: the product goes on, the life is broken."""
        self.error(msg, *args)
        error = sys.exception()
        if not isinstance(error, runs.Away):
            self._world.broken.add(f"{str(msg) % args}: {type(error).__name__}: {error}", error)
