"""The door of a simulated installation: every port, each a subclass of the real one."""

import asyncio
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from prefect import Flow, Task
from prefect.blocks.core import Block

import flows
from blocks.certificates import Certificates
from blocks.clouds.port import Cloud
from blocks.engine.of_host import Engines
from blocks.host_setup.setup import HostSetup
from blocks.host_setup.shell import HostShell
from blocks.images.archive import ArchiveInfo
from blocks.images.folder import ImageFolder
from blocks.images.layer_store import LayerStore, Usage
from blocks.images.stream import Compression
from blocks.images.transport import ImageTransport
from blocks.kept_files import KeptFiles
from blocks.outside import Outside
from blocks.prefect_port import PrefectPort
from blocks.publisher import Publisher
from blocks.settings import ProcessSettings
from blocks.stored.blueprint import Blueprint
from blocks.stored.host_keys import HostKey, HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from blocks.stored.stored_blocks import StoredBlocks
from blocks.turns import Turns
from pool.changes import Change
from pool.errors import HostUnreachable, NotFound
from pool.hosts.certificates import OperatorsCertificate
from pool.housekeeping.found import Probe
from pool.ports import Clock
from pool.records import Host
from pool.setup_version import HostNetwork
from tests.rigs.fakes import FakeRepository
from tests.rigs.simulator import engines as simulated
from tests.rigs.simulator import runs
from tests.rigs.simulator.processes import Process

SETTINGS = ProcessSettings(_env_file=None, poll_seconds=0.5)  # ten looks a second cost real ones


@cache
def all_flows() -> dict[str, Flow]:
    """Every flow of the product, by its name."""
    found = (thing for module in _modules(flows) for thing in vars(module).values() if isinstance(thing, Flow))
    return {flow.name: flow for flow in found}


def _modules(package: Any) -> list:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found]


def simulated_outside(world: Any) -> Outside:
    """The door of this world: nothing behind it is real but the store's file."""
    stored, layers = SimulatedBlocks(world), SimulatedLayers()
    engines = SimulatedEngines(world, stored)
    return Outside(
        settings=SETTINGS,
        clock=SimulatedClock(world),
        store=world.store,
        stored=stored,
        prefect=SimulatedPrefect(world),
        publisher=SimulatedPublisher(world),
        gateway=world.gateway,
        engines=engines,
        hosts=SimulatedHostSetup(world, stored),
        layers=layers,
        images=SimulatedImages(layers, engines),
        transport=SimulatedTransport(world),
        turns=NoTurns(),
        files=NoFiles(),
        certificates=NoCertificates(),
        backups=SimulatedRepository(world),
        session_answers=lambda address, port, *_: simulated.answers(world.check_open(), address, port),
    )


class NoTurns(Turns):
    """A simulated thread that waited here would stop them all: they are greenlets of one thread."""

    def take(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()


class SimulatedRepository(FakeRepository):
    """Backups of simulated sessions, which write nothing: it takes its time, and is away where the world says so."""

    def __init__(self, world: Any) -> None:
        super().__init__()
        self._world = world

    def _meet_trouble(self) -> None:
        self._world.check_open()
        self._world.lag()


class NoCertificates(Certificates):
    """Nothing of simulated machines runs out."""

    def __init__(self) -> None:
        pass

    def of(self, pool: str) -> list[OperatorsCertificate]:
        return []


class NoFiles(KeptFiles):
    """Simulated machines write no files."""

    def __init__(self) -> None:
        pass

    def rotate_gateway_logs(self) -> list[str]:
        return []

    def drop_old_results(self, now: datetime) -> int:
        return 0


class SimulatedClock(Clock):
    """Virtual time."""

    def __init__(self, world: Any) -> None:
        self._clock = world.clock

    def now(self) -> Any:
        return self._clock.now()

    def uptime(self) -> float:
        return self._clock.monotonic()


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
    def parameters(self) -> dict:
        return runs.current_run.get().parameters

    def log(self) -> Any:
        return _Logger(self._world)

    def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        return runs.run_task(self._world, task, args, kwargs)

    def client(self) -> AbstractAsyncContextManager:
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

    def write_table(self, rows: Sequence, key: str, description: str, *, lasting: bool = False) -> None:
        here = self._up()
        here.secrets.check(f"artifact {key}", f"{rows} {description}")
        here.prefect.artifacts[key] = rows

    def begin_progress(self, key: str, description: str) -> Any:
        self.write_table([], key, description)
        return key

    def show_progress(self, artifact: Any, percent: float, description: str) -> None:
        self.write_table([percent], artifact, description)

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
        if self._world.closed or (process and process.killed):
            return
        self._running[process] = self._running.get(process, 0) + 1
        asyncio.get_running_loop().create_task(self._publish(process, publish))

    def flush(self, seconds: float) -> bool:
        process, end = Process.current(), self._world.time + seconds
        while self._running.get(process) and self._world.time < end:
            self._world.wait(0.05)
        return not self._running.get(process)

    async def _publish(self, process: Process | None, publish: Callable[[], object]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self, publish)
        except runs.Away:
            pass
        finally:
            self._running[process] -= 1


class _Logger:
    def __init__(self, world: Any) -> None:
        self._world = world

    def info(self, text: str, *values: object, **_more: object) -> None:
        self._world.secrets.check("a log", text % (values[0] if len(values) == 1 else values), routes_too=True)

    warning = error = debug = info

    def exception(self, text: str, *values: object) -> None:
        """An error that is none of ours: the product goes on, the life is broken."""
        self.info(text, *values)
        error = sys.exception()
        if not isinstance(error, runs.Away):
            self._world.broken.add(f"{text % values}: {type(error).__name__}: {error}", error)


class SimulatedBlocks(StoredBlocks):
    """What the world keeps, by kind and name."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def load(self, kind: Any, name: str, noun: str) -> Any:
        here = self._world.check_open()
        here.prefect.check_up()
        kind = Cloud if issubclass(kind, Cloud) else kind
        if name not in here.stored[kind]:
            raise NotFound(f"no {noun} is named {name!r}; known: {', '.join(here.stored[kind])}")
        return here.stored[kind][name]

    def names(self, kind: type[Block]) -> list[str]:
        return sorted(self._world.stored[kind])

    def authority(self) -> Any:
        return _Authority(self._world)


class _Authority:
    """Issues certificates whose key is a secret of the world's."""

    def __init__(self, world: Any) -> None:
        self.for_hosts, self._key = "CA", world.secrets.keys[0]

    def issue_server(self, host: str, address: str, days: int) -> Any:
        return _Issued("certificate", self._key)


class _Issued:
    def __init__(self, certificate: str, private_key: str) -> None:
        self.certificate, self.private_key = certificate, private_key


class SimulatedEngines(Engines):
    """What answers at a host's address is the machine that has it now."""

    def __init__(self, world: Any, stored: StoredBlocks) -> None:
        super().__init__(stored, "", SETTINGS.identity)
        self._world = world

    def of(self, host: Host) -> simulated.SimulatedEngine:
        return simulated.SimulatedEngine(self._world.check_open(), host.name, host.address)

    def probe(self, host: Host) -> Probe:
        return self.of(host).look()

    def written_mb(self, host: Host) -> dict[str, int]:
        return dict(self.of(host)._machine("measure what its containers wrote").written_mb)


class SimulatedHostSetup(HostSetup):
    """ssh and the playbook."""

    def __init__(self, world: Any, stored: StoredBlocks) -> None:
        super().__init__(stored, Path("/nowhere"))
        self._world = world

    def new_key(self) -> HostKey:
        return self._world.new_host_key()

    def shell(self, host: Host) -> HostShell:
        return simulated.SimulatedShell(self._world.check_open(), host)

    def run_playbook(self, run: Any, say: Callable[[str], None], seconds: float) -> Any:
        return simulated.run_playbook(self._world.check_open(), run)

    def free_disk_mb(self, host: Host) -> int:
        machine = self._world.check_open().cloud.at(host.address)
        if not machine or not machine.reachable(self._world.time):
            raise HostUnreachable(f"host {host.name}: ssh does not answer")
        return machine.free_mb

    def own_addresses(self) -> list[str]:
        return ["192.0.2.1"]

    def playbook_digest(self, network: HostNetwork) -> str:
        return "a playbook"

    def baked_by(self, shell: Any) -> str:
        return shell.read_mark()


class SimulatedLayers(LayerStore):
    """Holds every layer at once."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    def add(self, archive: ArchiveInfo) -> int:
        return 0

    def holds(self, image_id: str, layers: Iterable[str]) -> bool:
        return True

    def size(self, diff_id: str) -> int:
        return 1

    def kept_size(self, diff_id: str) -> int:
        return 1000

    def usage(self) -> Usage:
        return Usage(0, 0)

    def collect(self, wanted: Callable[[], Any]) -> int:
        return 0


class SimulatedImages(ImageFolder):
    """One archive, from the beginning."""

    def __init__(self, layers: LayerStore, engines: Engines) -> None:
        super().__init__(Path("/nowhere"), layers, engines)

    def scan(self) -> tuple[list[ArchiveInfo], list[tuple[str, str]]]:
        archive = ArchiveInfo(
            Path("/nowhere/jupyter.tar"), ("jupyter",), "sha256:aa", ("sha256:bb",), 1000, Compression.NONE
        )
        return [archive], []

    def stamps(self) -> dict[str, str]:
        return {"jupyter.tar": "1000-1"}

    def stamp(self, archive: ArchiveInfo) -> str:
        return self.stamps()[archive.path.name]

    def holds(self, name: str) -> bool:
        return name in self.stamps()


class SimulatedTransport(ImageTransport):
    """Takes the image to the machine at once, or in half a minute."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def to(self, engine: Any, host: str, config: PoolConfig, bandwidth: Any, on_bytes: Callable[[int], None]) -> Any:
        return simulated.SimulatedPush(self._world, engine)


@cache
def _link_keys() -> LinkKeys:
    return LinkKeys.create()


def unguessable(world: Any) -> str:
    """A route or a token, which the world remembers as a secret."""
    return world.secrets.remember(f"{world.random.getrandbits(160):032x}")


def stored_blocks(
    config: PoolConfig, cloud: Cloud, blueprints: dict[str, Blueprint], login_key: str
) -> dict[type, dict[str, object]]:
    """What Prefect keeps, by kind and name."""
    return {
        PoolConfig: {"main": config},
        Cloud: {"main": cloud},
        Blueprint: blueprints,
        HostLogin: {"main": HostLogin(private_key=login_key, public_key="ssh-ed25519 0")},
        LinkKeys: {"main": _link_keys()},
    }


def a_host_key(number: int, secret: str) -> HostKey:
    return HostKey(private=secret, public=f"ssh-ed25519 {number}")
