"""The real store on a real SQLite file, opened once and emptied for every life."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from inspect import ismethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, create_engine, event

from pool.records import Host, Instance
from pool.states import HostState
from pool.store.engine import Database, Part
from pool.store.hosts.host_store import HostStore
from pool.store.instances.instance_store import InstanceStore
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.services.databases import MEMORY
from tests.rigs.simulator.ports.stored import unguessable

#: What a statement changes the rows of.
CHANGES = re.compile(r"(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) (\w+)")


class WatchedDatabase(Database):
    """Remembers the answers of calls that only read, until a row of a table changes that they looked at.

    No other process and no other thread writes to the file, and records are frozen: what was read stays true until
    then. So most reads of a quiet tick cost nothing, and the others are made on one connection that stays open.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.engine)
        self.answers: dict[object, tuple[object, frozenset[str]]] = {}  # by call; with the tables that were looked at
        self.looked_at: set[str] = set()  # by the call that is made
        self._changed: set[str] = set()  # by the transaction that is made
        self._calls: dict[str, set[object]] = defaultdict(set)  # by table: what is remembered of it
        self._go_along: dict[str, set[str]] = defaultdict(set)  # by table: those whose rows are deleted with its rows
        readers = create_engine(self.engine.url, isolation_level="AUTOCOMMIT")
        for engine in (self.engine, readers):
            event.listen(engine, "before_cursor_execute", self._note)
        self._reader = readers.connect()

    def close(self) -> None:
        self._reader.close()
        super().close()

    def know_tables(self) -> None:
        """Ask the tables that there are which of them go along with others."""
        for table in metadata.tables:
            for key in self._reader.exec_driver_sql(f"PRAGMA foreign_key_list({table})"):
                if key.on_delete == "CASCADE":
                    self._go_along[key.table].add(table)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self._reader

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self._changed.clear()
        with super().writing() as connection:
            before = _rows_changed(connection)
            yield connection
            has_changed = _rows_changed(connection) != before
        if has_changed:
            for table in self._changed:
                for call in self._calls.pop(table, ()):
                    self.answers.pop(call, None)

    def remember(self, call: object, answer: object) -> None:
        """Keep the answer of the call that is made."""
        self.answers[call] = answer, frozenset(self.looked_at)
        for table in self.looked_at:
            self._calls[table].add(call)

    def _note(self, _connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        self.looked_at |= _named_in(statement)
        if change := CHANGES.match(statement):
            self._changed |= {change[1], *self._go_along[change[1]]}
        elif statement.startswith("WITH"):  # what comes after it may be a change
            self._changed |= _named_in(statement)


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
    """The method, which is not called again while no row it looked at has changed, if it only read the last time."""
    name = f"{part}.{plain.__name__}"

    @wraps(plain)
    def call(*arguments: object, **more: object) -> object:
        asked = _key(name, arguments, more)
        if asked in database.answers:
            answer, tables = database.answers[asked]
            database.looked_at |= tables
            return _own(answer)
        outer, database.looked_at = database.looked_at, set()
        before = database.writes
        try:
            answer = plain(*arguments, **more)
            if asked is not None and database.writes == before:
                database.remember(asked, _own(answer))
            return answer
        finally:
            database.looked_at |= outer

    return call


@cache
def _named_in(statement: str) -> frozenset[str]:
    """The tables that a statement names, if not others, too, that are called like one of its columns."""
    return frozenset(re.findall(r"\w+", statement)) & metadata.tables.keys()


def _own(answer: object) -> object:
    """What a caller may change."""
    return answer.copy() if isinstance(answer, list | set | dict) else answer


def _key(method: str, arguments: tuple, more: dict[str, object]) -> object:
    """What a call is known by; None: by nothing, it has an argument that can be changed."""
    key = (method, *map(_frozen, arguments), *((name, _frozen(more[name])) for name in more))
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
        store.database.know_tables()
        try:
            yield store
        finally:
            store.close()
