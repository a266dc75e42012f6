"""One host, one user with work in a session, and processes that die: the product's own flows between fakes."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import deepcopy
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from prefect import Task

from blocks.outside import standing_in
from blocks.stored.pool_config import PoolConfig
from flows.steps import sessions
from pool.backups.states import BackupState
from pool.records import Image, Instance, KeptWork
from pool.sessions.containers import own_uid
from pool.states import EndCause
from tests.rigs.fakes import FakeBlocks, FakeClock, FakeDownloads, FakePrefect, FakeRepository, fake_outside
from tests.rigs.homes import Home, HomeEngine, HomeEngines, HomeFile
from tests.rigs.pool_data import a_blueprint, claim_active, place
from tests.rigs.services.databases import MEMORY, new_store

KEEP = KeptWork(("/home",), every=600)
BLUEPRINT = a_blueprint(keep=KEEP, container_user="session:100")
WORK = {"home/thesis": HomeFile(b"years of work", own_uid("alice-1"), 100, 0o600)}
THE_SAME = {"home/thesis": HomeFile(b"years of work", own_uid("alice-2"), 100, 0o600)}
ELSEWHERE: dict = {"withdraw_route": None, "publish_route": None, "wait_until_ready": {}, "give_out_room": []}


class Killed(BaseException):
    """The process is no more: what comes after this in its code does nothing."""


class MortalPrefect(FakePrefect):
    """Runs tasks until its process dies."""

    steps_left = 99
    dies_at = ""  # name of a task

    async def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        """Die where the step begins, not where it is named: of steps that are begun together each is awaited."""
        if self.steps_left <= 0 or task.name == self.dies_at:
            self.steps_left = 0
            raise Killed
        self.steps_left -= 1
        self.note(task)
        return ELSEWHERE[task.name] if task.name in ELSEWHERE else await task.fn(*args, **kwargs)


class World:
    """One host, alice's session with her work in it, and processes that die."""

    def __init__(self, folder: Path, content: bytes = b"") -> None:
        self.store = new_store(folder, content)
        self.engine, self.backups, self.clock = HomeEngine(), FakeRepository(), FakeClock()
        self.engines: dict[str, HomeEngine] = {}  # of hosts that have one of their own
        self.downloads = FakeDownloads()
        self.config = PoolConfig(DD_BACKUP_WAIT=600)
        self.pools: dict = {}  # others
        self.kind = MortalPrefect  # of what its processes have for Prefect
        self.prefect = self.kind()

    def begin(self) -> None:
        """Have the host, its image, and alice's session with her work in it."""
        claim_active(self.store)
        self.store.hosts.note("main-01", address="192.0.2.7")
        self.store.images.put(Image("main", "jupyter", "sha256:a", 1))
        self.store.images.mark("main-01", "sha256:a", self.clock.now())
        self.start("alice-1")
        self.home("alice-1").files |= WORK

    @contextmanager
    def process(self, accepted: datetime | None = None) -> Iterator[MortalPrefect]:
        """A process of its own, a minute later: the leases of a dead one are over.

        Args:
            accepted: when the run was asked for, of one that is made again; None: just now.
        """
        self.clock.pass_by(61)
        self.prefect = self.kind()
        self.prefect.accepted = accepted or self.clock.now()
        blocks = FakeBlocks({PoolConfig: {"main": self.config} | self.pools}, {"jupyter": BLUEPRINT})
        ports = {
            "store": self.store,
            "backups": self.backups,
            "clock": self.clock,
            "stored": blocks,
            "downloads": self.downloads,
        }
        with standing_in(fake_outside(**ports, engines=HomeEngines(self.engine, self.engines), prefect=self.prefect)):
            yield self.prefect

    def get(self, name: str = "alice-1") -> Instance:
        return self.store.instances.get(name)

    def ask(self, name: str, user: str = "alice", **options: Any) -> None:
        self.store.instances.request(name, BLUEPRINT, user, options, self.clock.now())
        place(self.store, name)

    def start(self, name: str, user: str = "alice", **options: Any) -> Instance:
        self.ask(name, user, **options)
        with self.process():
            return asyncio.run(sessions.start_or_await(self.get(name), BLUEPRINT))

    def end(self, name: str = "alice-1") -> Instance:
        with self.process():
            return asyncio.run(sessions.end_session(self.get(name), "asked for", EndCause.REQUESTED))

    def home(self, name: str) -> Home:
        return self.engine.homes[f"dd-{name}"]


@contextmanager
def kept_world() -> Iterator[World]:
    """Alice's session runs, and her work is in it."""
    content, engine, clock = _begun()
    with TemporaryDirectory(dir=MEMORY) as folder:
        world = World(Path(folder), content)
        world.engine, world.clock = deepcopy(engine), deepcopy(clock)
        yield world
        world.store.close()


@cache
def _begun() -> tuple[bytes, HomeEngine, FakeClock]:
    """What every such world begins with: its database, its engine, and its time. To start a session takes longer."""
    with TemporaryDirectory(dir=MEMORY) as folder:
        world = World(Path(folder))
        world.begin()
        world.store.close()
        return Path(folder, "pool.sqlite").read_bytes(), world.engine, world.clock


def counting(world: World) -> list[str]:
    return [one.id for one in world.store.backups.all([BackupState.VERIFIED])]


def dying() -> AbstractContextManager[None]:
    return suppress(Killed)


def die_at(world: World, monkeypatch: pytest.MonkeyPatch, where: type, name: str, number: int, after: bool) -> None:
    """Let the process die at the n-th call of a method, before or after it has done its work; others never do."""
    whole, calls = getattr(where, name), []

    def dies(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) != number:
            return whole(self, *args, **kwargs)
        if after:
            whole(self, *args, **kwargs)
        world.prefect.steps_left = 0
        raise Killed

    monkeypatch.setattr(where, name, dies)
