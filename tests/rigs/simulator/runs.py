"""Prefect: deployments, runs and the workers that die under them, tasks with their retries, logs and artifacts."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import yaml
from prefect import Flow, Task
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running, Scheduled

from blocks.prefect.reruns import Busy, settle_lost_run
from pool.reports.run_tags import tags_of_run
from runtime.stack.deployments import DESCRIPTION
from tests.rigs.simulator.processes import Process

current_run: ContextVar["Run"] = ContextVar("run")
current_verb: ContextVar[str] = ContextVar("verb", default="")


class Away(Exception):  # noqa: N818 - "except Away" reads as a sentence
    """What a client of Prefect gets when its server is away: no error of ours."""


@dataclass
class Run:
    """A flow run, as far as the product looks at it."""

    id: uuid.UUID
    flow: Flow
    deployment: str  # "spawn-host/on-demand"
    parameters: dict
    expected_start_time: datetime
    tags: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    message: str = ""
    task: asyncio.Task = field(init=False, repr=False)  # that delivers it, and then is it
    process: Process | None = None  # that took it
    idempotency_key: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return f"run {self.id}"

    @property
    def state(self) -> State:
        return self.states[-1]

    @property
    def auto_scheduled(self) -> bool:
        return self.deployment.endswith("/scheduled")

    @property
    def state_type(self) -> StateType:
        return self.state.type

    @property
    def deployment_id(self) -> str:
        return self.deployment

    @property
    def flow_id(self) -> str:
        return self.flow.name

    def heard_of(self, now: datetime) -> datetime:
        """When its process last said that it is alive."""
        assert self.process, f"{self.name} is in no process"
        return min(self.process.killed_at or now, now)


class Workers:
    """One warm worker for the quick flows, a process of its own for each long one, as prefect.yaml says."""

    def __init__(self, world: Any) -> None:
        self._world = world
        entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
        self._pools = {f"{_flow_name(e)}/{e['name']}": e["work_pool"]["name"] for e in entries}
        self.warm = Process("warm worker", world.clock.now)
        self.warm_down_until = 0.0
        self.clock_is_off = timedelta()  # of the machine of the warm worker

    def kill_warm(self, seconds: float, after_steps: int = 0) -> None:
        """Kill the warm worker, now or some steps on; a supervisor starts another one."""
        if after_steps:
            self.warm.kill_after(after_steps)
        else:
            self.warm.kill()
        self.warm_down_until = self._world.time + seconds

    def process_for(self, run: Run) -> Process | None:
        """Where the run goes; None while no worker takes it."""
        if self._pools.get(run.deployment) != "warm":
            return Process(run.deployment, self._world.clock.now)
        if self.warm.killed and self._world.time >= self.warm_down_until:
            self.warm = Process("warm worker", self._world.clock.now)
        self.warm.clock_is_off = self.clock_is_off
        return None if self.warm.killed else self.warm


class PrefectServer:
    """Runs by id, artifacts by key."""

    def __init__(self, world: Any, flows: dict[str, Flow]) -> None:
        self._world, self._flows = world, flows
        self.workers = Workers(world)
        self.runs: dict[uuid.UUID, Run] = {}
        self.artifacts: dict[str, object] = {}
        self._keys: dict[tuple, Run] = {}
        self.down_until = 0.0

    def start(self, deployment: str, parameters: dict, key: str = "", tags: list[str] | None = None) -> Run:
        """Schedule a run; the same key of the same deployment gives the same run."""
        known = self._keys.get((deployment, key))
        if known:
            return known
        flow = self._flows[deployment.partition("/")[0]]
        ids = uuid.UUID(int=self._world.random.getrandbits(128))
        now = self._world.clock.of_server()
        run = Run(
            ids,
            flow,
            deployment,
            _through_json(parameters),
            now,
            tags or [],
            [Scheduled(scheduled_time=now, timestamp=now)],
            idempotency_key=key,
        )
        self._world.secrets.check("parameters of a run", json.dumps(parameters), routes_too=True)
        self.runs[run.id] = run
        if key:
            self._keys[deployment, key] = run
        run.task = self._world.outside(self._deliver(run))
        return run

    def flow(self, name: str) -> Flow:
        return self._flows[name]

    def set_state(self, run_id: uuid.UUID, state: State) -> None:
        """A process says what became of a run."""
        self._world.secrets.check("a state message", state.message or "", routes_too=True)
        now, run = self._world.clock.of_server(), self.runs[run_id]
        state.timestamp = now
        state.state_details.scheduled_time = now if state.is_scheduled() else None
        run.states.append(state)
        process = run.process
        living = process and not process.killed and self._world.time >= process.frozen_until
        if living and not run.task.done():
            self._world.broken.add(f"7: {run.deployment} is called lost while it goes on")
        if state.is_scheduled():
            run.task = self._world.outside(self._deliver(run))

    def check_up(self) -> None:
        if self._world.time < self.down_until:
            raise Away("Prefect's server does not answer")

    async def _deliver(self, run: Run) -> None:
        await asyncio.sleep(self._world.random.choice([0.1, 0.3, 2]))
        while (process := self.workers.process_for(run)) is None:
            await asyncio.sleep(1)
        run.process = process
        self._go_to(run, Pending)
        await asyncio.sleep(0.1)
        if process.killed:
            return
        if run.state.is_final():
            return
        process.enter()
        current_run.set(run)
        self._go_to(run, Running)
        started = self._world.time
        await self._carry_out(run)
        run.seconds = self._world.time - started

    async def _carry_out(self, run: Run) -> None:
        try:
            ended = await run.flow.fn(**run.parameters)
        except asyncio.CancelledError:
            self._go_to(run, Cancelled)
            self._world.outside(self._settle(run))
        except Away:
            self._go_to(run, Crashed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the life broke at
            self._go_to(run, Failed)
            self._world.broken.add(f"{run.deployment} ended with {type(error).__name__}: {error}", error)
        else:
            self._go_to(run, Failed if isinstance(ended, State) and ended.type is StateType.FAILED else Completed)
            run.message = (ended.message or "") if isinstance(ended, State) else ""
            self._world.secrets.check("a state message", run.message, routes_too=True)

    def cancel(self, run: Run) -> None:
        """Cancel a run as its platform or an operator does: at once if it has not begun, else its worker ends it."""
        if run.state.is_scheduled() or not run.process:
            self._go_to(run, Cancelled)
        elif not run.state.is_final():
            self._go_to(run, Cancelling)
            if not run.process.killed:
                run.task.cancel()

    async def _settle(self, run: Run) -> None:
        """What a worker does when a run has ended that was cancelled; one that was killed meanwhile does no more."""
        client: Any = PrefectClient(self)
        while run.process and not run.process.killed:
            await asyncio.sleep(0.1)
            try:
                now, store = self._world.clock.of_server() + run.process.clock_is_off, self._world.store
                await settle_lost_run(client, store, run.id, "cancelled", lambda _: True, now, cancelled=True)
            except (Away, Busy):
                await asyncio.sleep(2)
            else:
                return

    def _go_to(self, run: Run, state: Callable[..., State]) -> None:
        """A run that another process has ended meanwhile stays as it is."""
        if not run.state.is_final():
            run.states.append(state(timestamp=self._world.clock.of_server()))

    async def heartbeat(self, wanted: Any) -> list[datetime]:
        """The last heartbeat of the run that an event filter asks for."""
        (resource,) = wanted.resource.id
        run = self.runs[uuid.UUID(resource.removeprefix("prefect.flow-run."))]
        heard = run.heard_of(self._world.clock.of_server())
        return [heard] if heard >= wanted.occurred.since else []

    @asynccontextmanager
    async def client(self) -> AsyncIterator["PrefectClient"]:
        yield PrefectClient(self)


class PrefectClient:
    """The calls of Prefect's client that the product makes."""

    def __init__(self, server: PrefectServer) -> None:
        self._server = server

    async def read_flow_runs(
        self,
        *,
        flow_filter: Any = None,
        flow_run_filter: Any = None,
        deployment_filter: Any = None,
        sort: object = None,
        limit: int = 200,
        offset: int = 0,
    ) -> list[Run]:
        self._server.check_up()
        named, matches = flow_filter.name.any_ if flow_filter else None, _matcher(flow_run_filter)
        found = [
            run
            for run in self._server.runs.values()
            if (named is None or run.flow.name in named)
            and (deployment_filter is None or run.deployment.partition("/")[2] in deployment_filter.name.any_)
            and matches(run)
        ]
        if sort is FlowRunSort.EXPECTED_START_TIME_DESC:
            found.sort(key=lambda run: run.expected_start_time, reverse=True)
        return found[offset : offset + limit]

    async def read_flow(self, flow_id: str) -> Flow:
        self._server.check_up()
        return self._server.flow(flow_id)

    async def read_deployment(self, deployment: str) -> SimpleNamespace:
        self._server.check_up()
        return SimpleNamespace(id=deployment, entrypoint=f"flows.{deployment.partition('/')[0]}")

    async def read_flow_run(self, run_id: uuid.UUID) -> Run:
        self._server.check_up()
        return self._server.runs[run_id]

    async def read_flow_run_states(self, run_id: uuid.UUID) -> list[State]:
        self._server.check_up()
        return list(self._server.runs[run_id].states)

    async def read_events(self, wanted: Any, limit: int) -> SimpleNamespace:
        self._server.check_up()
        return SimpleNamespace(events=[SimpleNamespace(occurred=at) for at in await self._server.heartbeat(wanted)])

    async def set_flow_run_state(self, flow_run_id: object, state: State, force: bool = False) -> None:
        self._server.check_up()
        self._server.set_state(uuid.UUID(str(flow_run_id)), state)


def _matcher(wanted: Any) -> Callable[[Run], bool]:
    """Read a filter once, for all runs that it is asked about."""
    if wanted is None:
        return lambda _: True
    asked = wanted.model_dump(exclude_none=True, exclude_unset=True, exclude_defaults=True)
    unknown = asked.keys() - {"state", "expected_start_time", "operator", "tags"}
    assert not unknown, f"teach the simulated client the filter {', '.join(unknown)}"
    types = set(wanted.state.type.any_) if wanted.state else None
    since = wanted.expected_start_time.after_ if wanted.expected_start_time else None
    before = wanted.expected_start_time.before_ if wanted.expected_start_time else None
    tags = set(wanted.tags.all_) if wanted.tags else set()

    def matches(run: Run) -> bool:
        started = run.expected_start_time
        right = types is None or run.state_type in types
        right = right and tags <= {*tags_of_run(run.parameters)}
        return right and (since is None or started >= since) and (before is None or started <= before)

    return matches


def run_task(world: Any, task: Task, args: tuple, kwargs: dict) -> Coroutine:
    """Call a task as Prefect's engine does, with its retries; every step of it is a point to die at."""
    world.check_open()
    return _attempts(world, task, args, kwargs)


async def _attempts(world: Any, task: Task, args: tuple, kwargs: dict) -> object:
    for attempt in range(task.retries or 0):
        try:
            return await _attempt(world, task, args, kwargs)
        except Exception as error:
            if not await _worth(task, error):
                raise
        await asyncio.sleep(_delay(task, attempt))
    return await _attempt(world, task, args, kwargs)


async def _attempt(world: Any, task: Task, args: tuple, kwargs: dict) -> object:
    await asyncio.sleep(world.random.choice([0.01, 0.02, 0.3]))
    outer = current_verb.get()
    current_verb.set(task.name)
    try:
        return await asyncio.wait_for(task.fn(*args, **kwargs), task.timeout_seconds)
    finally:
        current_verb.set(outer)


async def _worth(task: Task, error: Exception) -> bool:
    condition: Any = task.retry_condition_fn  # ours are all async, and look at the state's result alone
    return condition is None or await condition(task, None, _Failure(error))


@dataclass
class _Failure:
    error: Exception

    async def aresult(self, raise_on_failure: bool = True) -> Exception:
        return self.error


def _delay(task: Task, attempt: int) -> float:
    delays = task.retry_delay_seconds or 0
    return delays[min(attempt, len(delays) - 1)] if isinstance(delays, list) else delays


def _flow_name(entry: dict) -> str:
    return entry["entrypoint"].rpartition(".")[2].replace("_", "-")


def _through_json(parameters: dict) -> dict:
    return json.loads(json.dumps(parameters))
