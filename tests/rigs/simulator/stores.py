"""The real store on a real SQLite file, opened once and emptied for every life."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, event

from pool.changes import Change
from pool.records import Host, Instance
from pool.states import HostState
from pool.store.engine import Database
from pool.store.history import HistoryStore
from pool.store.hosts.host_store import HostStore
from pool.store.instances.instance_store import InstanceStore
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.services.databases import MEMORY
from tests.rigs.simulator.ports.stored import unguessable

READS = {
    "hosts": ("get", "all"),
    "instances": ("get", "all", "ended"),
    "images": ("offered", "get", "versions", "on_host", "hosts_with"),
}
TOUCH_NO_RECORD = {"leases": ("take", "drop"), "ticks": ("record", "note_left")}


class WatchedDatabase(Database):
    """Remembers what was read until the next write.

    No other process writes to the file, and records are frozen: what was read stays true until then. Most reads of a
    quiet tick cost nothing so.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine)
        self.read: dict[object, object] = {}
        self.keeps = False

    def writing(self) -> AbstractContextManager[Connection]:
        if not self.keeps:
            self.read = {}
        return super().writing()


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


class WatchedHistory(HistoryStore):
    """Does not look again for untold changes before something was written."""

    _db: WatchedDatabase

    def claim_untold(self, limit: int = 500) -> list[Change]:
        if self._db.read.get("untold") == []:
            return []
        untold = super().claim_untold(limit)
        self._db.read["untold"] = untold
        return untold


class WatchedStore(PoolStore):
    """The real store, watched and with a memory."""

    def __init__(self, database: Database) -> None:
        self.database = WatchedDatabase(database)
        super().__init__(self.database)
        self.hosts: WatchedHosts = WatchedHosts(self.database)
        self.instances: WatchedInstances = WatchedInstances(self.database)
        self.history = WatchedHistory(self.database)
        self.database.secret = lambda: unguessable(self._world)
        self._wrap(READS, _remembered)
        self._wrap(TOUCH_NO_RECORD, _keeping)

    def watched_by(self, world: Any) -> None:
        self.hosts.world = self.instances.world = world
        self._world = world

    def empty(self) -> None:
        with self.database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    def _wrap(self, methods: dict[str, tuple[str, ...]], wrapper: Callable) -> None:
        for part, names in methods.items():
            for name in names:
                noun = getattr(self, part)
                setattr(noun, name, wrapper(self.database, getattr(noun, name)))


def _remembered(database: WatchedDatabase, plain: Callable) -> Callable:
    @wraps(plain)
    def read(*arguments: object, **more: object) -> object:
        asked = (plain, *map(_hashable, arguments), *((key, _hashable(more[key])) for key in more))
        if asked not in database.read:
            database.read[asked] = plain(*arguments, **more)
        found = database.read[asked]
        return found.copy() if isinstance(found, list | set) else found

    return read


def _keeping(database: WatchedDatabase, plain: Callable) -> Callable:
    @wraps(plain)
    def write(*arguments: object, **more: object) -> object:
        database.keeps = True
        try:
            return plain(*arguments, **more)
        finally:
            database.keeps = False

    return write


def _hashable(argument: object) -> object:
    return frozenset(argument) if isinstance(argument, list | set | tuple) else argument


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
