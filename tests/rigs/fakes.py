"""Fakes of the ports for tests of tasks and flows: each subclasses the real port, and nothing of them is real.

:func:`fake_outside` makes a whole door of them; a test puts it in place with ``standing_in(fake_outside(store, …))``.
A port that the test does not give says, when it is used, that the test must give it.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from prefect import Task
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.client.orchestration import PrefectClient

from blocks.backups.downloads import Downloads, Offer
from blocks.backups.places import Places
from blocks.backups.repository import BackupRepository, Parts, Written
from blocks.clouds.port import Cloud
from blocks.look_up import LookUp
from blocks.outside import Outside
from blocks.plots.kept_pictures import KeptPictures
from blocks.prefect.answers import Answer
from blocks.prefect.port import PrefectPort
from blocks.publisher import Publisher
from blocks.settings import ProcessSettings
from blocks.stored.blueprint import Blueprint
from blocks.stored.documents.stored_blocks import MAIN, StoredBlocks
from blocks.stored.lookup import SomeBlock
from blocks.stored.pool_config import PoolConfig
from blocks.turns import Turns
from blocks.webhooks.webhooks import Webhooks
from pool.backups.places import place_id, why_none_is_made
from pool.backups.snapshots import Snapshot
from pool.backups.states import BackupFault, BackupTrouble
from pool.changes import Change
from pool.errors import NotFound
from pool.ports import Clock
from pool.records import BlueprintSpec
from pool.reports.run_forms import RunForms
from pool.reports.webhooks import Message
from tests.rigs.pool_data import NOW

SETTINGS = ProcessSettings(_env_file=None, poll_seconds=0.001)
_run_id: ContextVar[str] = ContextVar("run_id", default="a-run")


@contextmanager
def of_run(run_id: str) -> Iterator[None]:
    """Have it be this flow run that asks, for the block."""
    before = _run_id.set(run_id)
    try:
        yield
    finally:
        _run_id.reset(before)


class FakeClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment, self.seconds = moment, 1000.0

    def now(self) -> datetime:
        return self.moment

    def uptime(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


class FakePrefect(PrefectPort):
    """Runs tasks as the plain functions that they are; keeps what it is given."""

    accepted: datetime | None = NOW

    def __init__(self, parameters: dict | None = None) -> None:
        self.tables: dict[str, list[dict]] = {}
        self.pictures: dict[str, str] = {}  # as SVG
        self.events: list[Change] = []
        self.troubles: dict[str, dict[str, str]] = {}  # by pool, of its last tick
        self.triggered: list[tuple[str, dict, str]] = []
        self.called: list[str] = []  # names of tasks, in order
        self.task_runs: list[str] = []  # of those, what Prefect would make a task run of
        self.asked: list[str] = []  # questions
        self.says_yes = False
        self.tags: set[str] = set()
        self._parameters = parameters or {}

    @property
    def run_id(self) -> str:
        return _run_id.get()

    @property
    def accepted_at(self) -> datetime | None:
        return self.accepted

    @property
    def parameters(self) -> dict[str, Any]:
        return self._parameters

    def log(self) -> logging.Logger:
        return logging.getLogger("test")

    def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        self.note(task)
        return task.fn(*args, **kwargs)

    def note(self, task: Task) -> None:
        self.called.append(task.name)
        if not isinstance(task, LookUp):
            self.task_runs.append(task.name)

    def client(self) -> AbstractAsyncContextManager[PrefectClient]:
        raise AssertionError("this test must give a client of Prefect's API")

    async def trigger(self, deployment: str, parameters: dict, key: str, tags: Sequence[str] = ()) -> str:
        self.triggered.append((deployment, parameters, key))
        return key

    async def confirmed(self, question: str, seconds: int) -> bool:
        self.asked.append(question)
        return self.says_yes

    async def tag(self, tags: Sequence[str]) -> None:
        self.tags |= set(tags)

    async def forget_runs(self, before: datetime) -> int:
        return 0

    def emit(self, change: Change) -> None:
        self.events.append(change)

    def tell_troubles(self, pool: str, troubles: Mapping[str, str]) -> None:
        self.troubles[pool] = dict(troubles)

    def run_forms(self, flows: Sequence[str]) -> RunForms:
        return RunForms("http://ui", {flow: f"id-of-{flow}" for flow in flows})

    async def old_tables(self, prefix: str, since: datetime) -> list[str]:
        return []

    async def delete_tables(self, keys: Sequence[str]) -> int:
        raise AssertionError("this test must give tables")

    def write_table(self, rows: Sequence[Mapping[str, object]], key: str, description: str) -> None:
        self.tables[key] = [dict(row) for row in rows]

    def write_picture(self, svg: str, key: str, description: str) -> None:
        self.pictures[key] = svg

    def write_answers(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self.write_table([answer.row], answer.key, answer.description)

    def begin_progress(self, key: str, description: str) -> UUID:
        return uuid5(NAMESPACE_URL, key)

    def show_progress(self, artifact: UUID, percent: float, description: str) -> None:
        pass


class InlinePublisher(Publisher):
    """Publishes before it returns."""

    def wake(self, publish: Callable[[], object]) -> None:
        publish()

    def flush(self, seconds: float) -> bool:
        return True


class SilentPublisher(InlinePublisher):
    """Tells no audience: for tests of what is not about telling."""

    def wake(self, publish: Callable[[], object]) -> None:
        pass


class FakeWebhooks(Webhooks):
    """Sends before it returns; keeps what the receiver took, unless it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Message] = []
        self.away = False

    def wake(self, send: Callable[[], object]) -> None:
        send()

    def _try(self, url: str, said: dict[str, str], body: bytes) -> str:
        if self.away:
            return "the webhook's receiver answers 503"
        self.taken.append(Message(said["webhook-id"], body))
        return ""


#: By kind and name.
Blocks = dict[type[Block], dict[str, Any]]


class FakeBlocks(StoredBlocks):
    """Blocks in memory, by kind and name; an error in a block's place is raised. Blueprints also as their specs."""

    def __init__(
        self, blocks: Mapping[type[Block], Mapping[str, Any]], specs: Mapping[str, BlueprintSpec] | None = None
    ) -> None:
        self.blocks, self.specs = blocks, dict(specs or {})
        self.saved_at: dict[str, datetime] = {}  # of Secret blocks for one use, by name

    def load(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        known = self.blocks.get(Cloud if issubclass(kind, Cloud) else kind, {})
        if name not in known:
            raise NotFound(f"no {noun} is named {name!r}; known: {', '.join(known) or 'none'}")
        if isinstance(known[name], Exception):
            raise known[name]
        return known[name]

    def names(self, kind: type[Block]) -> list[str]:
        return sorted(self.specs) if kind is Blueprint and self.specs else sorted(self.blocks.get(kind, {}))

    def fresh(self, kind: type[SomeBlock], name: str, noun: str) -> SomeBlock:
        return self.load(kind, name, noun)

    def sealed(self) -> dict[str, datetime]:
        return {name: at for name, at in self.saved_at.items() if name in self.blocks.get(Secret, {})}

    def drop_secret(self, name: str) -> None:
        left = {key: block for key, block in self.blocks.get(Secret, {}).items() if key != name}
        self.blocks = {**self.blocks, Secret: left}

    def replace(self, block: Block) -> None:
        self.blocks = {**self.blocks, type(block): {MAIN: block}}

    def blueprint(self, name: str) -> BlueprintSpec:
        return self.specs[name] if name in self.specs else super().blueprint(name)


class _NotGiven:
    """Stands where a test gave no port."""

    def __init__(self, port: str) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"this test must give the port {self._port!r}: .{name} was used")


def fake_outside(**ports: Any) -> Any:
    """A door of fakes, which know more than their ports say.

    A port that is not given refuses to be used, but for those that do no harm.
    """
    given: dict[str, Any] = {field.name: _NotGiven(field.name) for field in fields(Outside)}
    given |= {"clock": FakeClock(), "prefect": FakePrefect(), "publisher": SilentPublisher(), "settings": SETTINGS}
    given |= {"turns": Turns(), "pictures": KeptPictures(), "webhooks": FakeWebhooks()}
    given |= {"stored": FakeBlocks({PoolConfig: {"main": PoolConfig()}})}
    return Outside(**given | ports)


class FakeDownloads(Downloads, Offer):
    """Each link is used at once, or never; keeps what was given by it."""

    secret = "s" * 43

    def __init__(self, used: bool = True) -> None:
        self.used, self.given = used, b""

    @contextmanager
    def offered(self) -> Iterator[Offer]:
        yield self

    def hand_out(self, name: str, size: int, content: Callable[[], Iterator[bytes]], seconds: float) -> bool:
        self.given = b"".join(content()) if self.used else b""
        return self.used


class ScriptedTasks(FakePrefect):
    """No task does anything: each call is noted, and answered as the test says; None where it says nothing."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple, dict]] = []
        self._answers: dict[str, list[Any]] = {name: [answer] for name, answer in answers.items()}

    @property
    def names(self) -> list[str]:
        """Names of the tasks that were called, in order."""
        return [name for name, _, _ in self.calls]

    def answer(self, task: str, *answers: Any) -> None:
        """Answer a task's next calls so, and all later ones like the last: raise errors, call functions."""
        self._answers[task] = list(answers)

    def call(self, task: Task, args: tuple, kwargs: dict) -> Any:
        self.note(task)
        self.calls.append((task.name, args, kwargs))
        return self._answered(task.name, args, kwargs)

    async def _answered(self, name: str, args: tuple, kwargs: dict) -> Any:
        waiting = self._answers.get(name, [None])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(*args, **kwargs) if callable(answer) else answer


REST_OF_NAME = "f" * 56


class FakePlaces(Places):
    """Remembers places of backups in memory."""

    def __init__(self, *known: str, has_backups: bool = False) -> None:
        self.known, self.has_backups = {place_id(one) for one in known}, has_backups

    def why_none_is_made(self, location: str) -> str:
        return why_none_is_made(place_id(location), self.known, self.has_backups)

    def note(self, location: str) -> None:
        self.known.add(place_id(location))


class FakeRepository(BackupRepository):
    """Backups in memory, which says short names where it writes and whole ones where it lists, as restic 0.14 does.

    Trouble that a test puts into it meets the next calls.
    """

    def __init__(self) -> None:
        self.streams: dict[str, bytes] = {}
        self.names: dict[str, str] = {}  # by snapshot: the backup's id
        self.troubles: list[BackupTrouble] = []
        self.part = 1 << 20  # bytes that a stream is cut into
        self.cut: dict[str, bytes] = {}  # parts, by name
        self.parts_read: list[str] = []  # names
        self.shares_read: list[int] = []
        self.spoiled: set[str] = set()  # snapshots

    def write(self, name: str, stream: Iterable[bytes]) -> Written:
        self._meet_trouble()
        data = b"".join(stream)
        snapshot = f"{len(self.names):08x}"
        self.streams[snapshot], self.names[snapshot] = data, name
        return Written(snapshot, hashlib.sha256(data).hexdigest(), len(data))

    def read(self, snapshot: str) -> Iterator[bytes]:
        self._meet_trouble()
        if snapshot not in self.streams:
            raise BackupTrouble(f"there is no snapshot {snapshot}")
        if snapshot in self.spoiled:
            raise BackupTrouble(f"a part of snapshot {snapshot} is damaged", BackupFault.SPOILED)
        yield self.streams[snapshot]

    def check_there(self, snapshot: str) -> None:
        for _chunk in self.read(snapshot):
            return

    def parts(self, snapshot: str) -> Parts:
        data = b"".join(self.read(snapshot))
        cut = [data[at : at + self.part] for at in range(0, len(data), self.part)]
        names = tuple(hashlib.sha256(one).hexdigest() for one in cut)
        self.cut |= dict(zip(names, cut, strict=True))
        return Parts(names, len(data))

    def read_part(self, name: str) -> bytes:
        self._meet_trouble()
        if name not in self.cut:
            raise BackupTrouble(f"there is no part {name}")
        self.parts_read.append(name)
        return self.cut[name]

    def snapshots(self) -> dict[str, Snapshot]:
        return {short + REST_OF_NAME: Snapshot(NOW, self.names[short]) for short in self.streams}

    def check_share(self, share: int, shares: int) -> None:
        self._meet_trouble()
        self.shares_read.append(share)

    def accept_keys(self) -> None:
        self._meet_trouble()

    def forget(self, snapshots: Collection[str]) -> None:
        for snapshot in snapshots:
            self.streams.pop(snapshot.removesuffix(REST_OF_NAME), None)

    def _meet_trouble(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
