"""The pipelines of sessions as they are, on a real database; engines, gateway and Prefect's server are of paper.

A task runs as the plain function that it is, a flow run as a thread with an event loop of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from functools import partial
from inspect import unwrap
from threading import Barrier, Lock
from uuid import uuid4

from prefect import Flow

from blocks.engine.client import HostEngine
from blocks.engine.containers.state import FROZEN, ContainerState
from blocks.engine.of_host import Engines
from blocks.gateway.client import Gateway
from blocks.outside import standing_in
from blocks.publisher import Publisher
from blocks.stored.pool_config import PoolConfig
from blocks.system_clock import SystemClock
from flows.sessions.deprovision_instance import deprovision_instance
from flows.sessions.provision_instance import provision_instance
from flows.sessions.provision_instances import provision_instances
from flows.sessions.start_standby import start_standby
from flows.steps.queue import refresh_queue
from pool.blame import CONTAINER_GONE
from pool.errors import EngineTrouble
from pool.records import ContainerSpec, Host, Image, Notice, ProxyOptions, Route
from pool.store.pool_store import PoolStore
from tasks.sessions.standbys import begin_standby
from tests.rigs.fakes import FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, claim_active

THREADS = 256
_run_id: ContextVar[str] = ContextVar("run_id")
_PIPELINES: dict[str, Flow] = {
    "provision-instance/on-demand": provision_instance,
    "provision-instances/on-demand": provision_instances,
    "start-standby/on-demand": start_standby,
    "deprovision-instance/on-demand": deprovision_instance,
    "deprovision-instance/with-backup": deprovision_instance,
}


class PaperEngine(Engines):
    """The engines of all hosts: containers by name, each on the one host that it was started on."""

    def __init__(self) -> None:
        self.containers: dict[str, str] = {}
        self.ports: dict[str, int] = {}  # by container: those that answer
        self.broken: set[str] = set()
        self.frozen: set[str] = set()  # containers
        self.runs: list[str] = []  # containers that were asked for, in order

    def run_on(self, host: Host, spec: ContainerSpec) -> None:
        if host.name in self.broken:
            raise EngineTrouble(f"host {host.name} is broken")
        assert self.containers.setdefault(spec.name, host.name) == host.name, f"{spec.name} is on two hosts"
        self.ports[spec.name] = spec.host_port
        self.runs.append(spec.name)
        self.frozen.discard(spec.name)

    def answers(self, port: int) -> bool:
        """Whether a container that is not frozen has this port."""
        return any(its == port and name not in self.frozen for name, its in [*self.ports.items()])

    def of(self, host: Host) -> "PaperHost":
        return PaperHost(self, host)


class PaperHost(HostEngine):
    """What a task sees of one host's engine."""

    def __init__(self, engine: PaperEngine, host: Host) -> None:
        self._engine, self._host = engine, host

    def run(self, spec: ContainerSpec, created: Callable[[], None] = lambda: None, prepared: str = "") -> str:
        self._engine.run_on(self._host, spec)
        created()
        return spec.name

    def find(self, name: str) -> ContainerState | None:
        if name not in self._engine.containers:
            return None
        return ContainerState(name, name, "sha256:paper", FROZEN if name in self._engine.frozen else "running", 0, {})

    def freeze(self, name: str) -> None:
        if name not in self._engine.containers:
            raise EngineTrouble(f"no such container: {name}", CONTAINER_GONE)
        self._engine.frozen.add(name)

    def thaw(self, name: str) -> None:
        self._engine.frozen.discard(name)

    def remove(self, name: str) -> None:
        self._engine.frozen.discard(name)
        self._engine.containers.pop(name, None)
        self._engine.ports.pop(name, None)


class PaperGateway(Gateway):
    """Routes and notices by id."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.notices: dict[str, Notice] = {}

    def add_route(self, route: Route, still_holds: Callable[[], bool] = lambda: True) -> bool:
        if not still_holds():
            return False
        self.routes[route.id] = route
        return True

    def remove_route(self, route_id: str) -> None:
        self.routes.pop(route_id, None)

    def put_notices(self, notices: list[Notice]) -> None:
        self.notices |= {notice.id: notice for notice in notices}

    def put_pool_page(self, html: str) -> None:
        """No operator looks."""


class PaperPrefect(FakePrefect):
    """Runs that other runs ask for are threads; artifacts are kept as the answers of sessions."""

    def __init__(self, stack: "PaperStack") -> None:
        super().__init__()
        self._stack = stack

    @property
    def run_id(self) -> str:
        return _run_id.get()

    async def trigger(self, deployment: str, parameters: dict, key: str, tags: Sequence[str] = ()) -> str:
        return self._stack.trigger(deployment, parameters, key)

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        self._stack.written[key.removeprefix("instance-")] = dict(rows[0])


class PaperPublisher(Publisher):
    """The real publisher's thread, behind the stack's own door."""

    def __init__(self, stack: "PaperStack") -> None:
        super().__init__()
        self._stack, self._closed = stack, False

    def wake(self, publish: Callable[[], object]) -> None:
        super().wake(partial(self._behind_the_door, publish))

    def close(self) -> None:
        """Tell what was committed, and nothing after it: the test's database goes away."""
        self.flush(10)
        self._closed = True

    def _behind_the_door(self, publish: Callable[[], object]) -> None:
        if not self._closed:
            with standing_in(self._stack.outside):
                publish()


class PaperStack:
    """One pool ``main`` with a blueprint ``jupyter`` of one slot.

    Args:
        store: an empty one.
        standby: how many the blueprint wants; they begin where a test says so.
        frozen: whether they are frozen once they answer.
        config: fields of the pool's configuration.
    """

    def __init__(self, store: PoolStore, standby: int = 0, frozen: bool = False, **config: object):
        self.store, self.engine, self.gateway = store, PaperEngine(), PaperGateway()
        self.config = PoolConfig(**config)
        standbys = {"standby": standby, "standby_frozen": frozen, "standby_warm_up": 0}
        self.blueprint = a_blueprint(proxy=ProxyOptions(sign_in="open"), **standbys)
        self.written: dict[str, dict] = {}
        self.lose_triggers = False
        self._runs: dict[str, Future] = {}
        self._lock, self._threads = Lock(), ThreadPoolExecutor(THREADS)
        self._publisher = PaperPublisher(self)
        store.images.put(Image("main", "jupyter", "sha256:jupyter", 1))
        self.outside = fake_outside(
            store=store,
            stored=FakeBlocks({PoolConfig: {"main": self.config}}, {"jupyter": self.blueprint}),
            engines=self.engine,
            gateway=self.gateway,
            prefect=PaperPrefect(self),
            publisher=self._publisher,
            clock=SystemClock(),
            session_answers=lambda _address, port, *_: self.engine.answers(port),
        )

    @property
    def asked_for_by_runs(self) -> int:
        """How many runs other runs asked for."""
        return len(self._runs)

    @property
    def answers(self) -> dict[str, dict]:
        """What platforms read, by session, once all that was committed is told."""
        assert self.outside.publisher.flush(60)
        return self.written

    def add_host(self, slots: int) -> Host:
        """An active host that has the image."""
        host = claim_active(self.store, str(uuid4()), slots=slots, max_hosts=99)
        self.store.images.mark(host.name, "sha256:jupyter", NOW)
        return self.store.hosts.note(host.name, address="10.0.0.1")

    def begin_standby(self, host: str) -> str:
        """Record one, as housekeeping does; its id."""
        with standing_in(self.outside):
            return asyncio.run(begin_standby.fn(host, "jupyter")).id

    def ask(self, deployment: str, start: Callable[[], object] = lambda: None, **parameters: object) -> Future:
        """Have a run of the deployment begin, after *start* returned."""

        def run() -> object:
            _run_id.set(str(uuid4()))
            start()
            with standing_in(self.outside):
                return asyncio.run(unwrap(_PIPELINES[deployment].fn)(**parameters))

        return self._threads.submit(run)

    def ask_at_once(self, deployment: str, requests: list[dict]) -> list[Future]:
        """As many runs at the same moment."""
        together = Barrier(len(requests))
        return [self.ask(deployment, together.wait, **request) for request in requests]

    def tick_soon(self) -> Future:
        """Begin what housekeeping does for the queue."""

        def run() -> None:
            with standing_in(self.outside):
                asyncio.run(refresh_queue("main"))

        return self._threads.submit(run)

    def tick(self) -> None:
        """Do what housekeeping does for the queue."""
        self.tick_soon().result()

    def settle(self) -> None:
        """Wait for the runs that runs asked for; the first one that failed raises here."""
        while pending := [run for run in list(self._runs.values()) if not run.done()]:
            wait(pending)
        for run in self._runs.values():
            run.result()

    def trigger(self, deployment: str, parameters: dict, key: str) -> str:
        """Begin a run; the same key never begins a second one."""
        if self.lose_triggers:
            raise ConnectionError("the server is away")
        with self._lock:
            if key not in self._runs:
                self._runs[key] = self.ask(deployment, **parameters)
        return key

    def states(self) -> Counter:
        """How many sessions are in which state."""
        return Counter(str(instance.state) for instance in self.store.instances.all("main"))

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._publisher.close()
