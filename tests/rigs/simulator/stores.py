"""The real store on a real SQLite file, opened once and emptied for every life."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import ismethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, event

from pool.records import Host, Instance
from pool.states import HostState
from pool.store.engine import Database, Part
from pool.store.hosts.host_store import HostStore
from pool.store.instances.instance_store import InstanceStore
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.services.databases import MEMORY
from tests.rigs.simulator.ports.stored import unguessable

#: Parts whose writes touch no record of another one; with the methods of others that answer by what they write.
TOUCH_NO_OTHER = {
    "leases": (),
    "ticks": ("history.latest", "history.of_host", "history.of_instance", "history.of_user"),
}


class WatchedDatabase(Database):
    """Remembers the answers of calls that only read, until a row changes.

    No other process writes to the file, and records are frozen: what was read stays true until then. Most reads of a
    quiet tick cost nothing so.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine)
        self.answers: dict[str, dict[object, object]] = defaultdict(dict)  # by method: "hosts.all"
        self.calling = ""  # the part that is called

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with super().writing() as connection:
            before = _rows_changed(connection)
            yield connection
            changed = _rows_changed(connection) != before
        if changed:
            self._forget()

    def _forget(self) -> None:
        others = TOUCH_NO_OTHER.get(self.calling)
        for method, answers in self.answers.items():
            if others is None or method in others or method.startswith(f"{self.calling}."):
                answers.clear()


class WatchedHosts(HostStore):
    """Asks the world, of every host that is recorded as removed, whether it is gone."""

    world: Any = None

    def move(self, name: str, to: HostState, *arguments: Any, **more: Any) -> Host:
        moved = super().move(name, to, *arguments, **more)
        if to is HostState.REMOVED:
            self.world.check_gone(name)
        return moved


class WatchedInstances(InstanceStore):
    """Asks the world, of every session that is given room, whether it is room that is reserved for others."""

    world: Any = None

    def take_turn(self, *arguments: Any, **more: Any) -> Instance | None:
        before = self.world.reserved_now()
        taken = super().take_turn(*arguments, **more)
        if taken:
            self.world.check_reserved(taken, before)
        return taken

    def request(self, *arguments: Any, **more: Any) -> tuple[Instance, bool]:
        before = self.world.reserved_now()
        asked, new = super().request(*arguments, **more)
        self.world.check_reserved(asked, before)
        return asked, new


class WatchedStore(PoolStore):
    """The real store, watched and with a memory."""

    def __init__(self, database: Database) -> None:
        self.database = WatchedDatabase(database)
        super().__init__(self.database)
        self.hosts: WatchedHosts = WatchedHosts(self.database)
        self.instances: WatchedInstances = WatchedInstances(self.database)
        self.database.secret = lambda: unguessable(self._world)
        for name, part in [*vars(self).items()]:
            if isinstance(part, Part):
                _remember_answers(name, part, self.database)

    def watched_by(self, world: Any) -> None:
        self.hosts.world = self.instances.world = world
        self._world = world

    def empty(self) -> None:
        with self.database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())


def _rows_changed(connection: Connection) -> int:
    """How many rows its SQLite connection has ever changed."""
    raw: Any = connection.connection.dbapi_connection
    return int(raw.total_changes)


def _remember_answers(name: str, part: Part, database: WatchedDatabase) -> None:
    for method in dir(part):
        if not method.startswith("_") and ismethod(getattr(part, method)):
            setattr(part, method, _remembering(name, getattr(part, method), database))


def _remembering(part: str, plain: Callable, database: WatchedDatabase) -> Callable:
    """The method, which is not called again while no row has changed, if it only read the last time."""

    @wraps(plain)
    def call(*arguments: object, **more: object) -> object:
        answers, asked = database.answers[f"{part}.{plain.__name__}"], _key(arguments, more)
        if asked in answers:
            return _own(answers[asked])
        outer, database.calling = database.calling, part
        before = database.writes
        try:
            answer = plain(*arguments, **more)
        finally:
            database.calling = outer
        if asked is not None and database.writes == before:
            answers[asked] = _own(answer)
        return answer

    return call


def _own(answer: object) -> object:
    """What a caller may change."""
    return answer.copy() if isinstance(answer, list | set | dict) else answer


def _key(arguments: tuple, more: dict[str, object]) -> object:
    """What a call is known by; None: by nothing, it has an argument that can be changed."""
    key = (*map(_frozen, arguments), *((name, _frozen(more[name])) for name in more))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(argument: object) -> object:
    if isinstance(argument, list):
        return tuple(argument)
    return frozenset(argument) if isinstance(argument, set) else argument


@contextmanager
def opened_store() -> Iterator[WatchedStore]:
    """A store in a folder of its own. It survives no power cut, and need not."""
    with TemporaryDirectory(prefix="dd-simulator-", dir=MEMORY) as folder:
        store = WatchedStore.open(f"sqlite:///{Path(folder) / 'pool.sqlite'}")
        event.listen(store.database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        store.upgrade()
        try:
            yield store
        finally:
            store.close()
