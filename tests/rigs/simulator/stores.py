"""The real store on a real SQLite file, opened once and emptied for every life."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event

from pool.changes import Change
from pool.records import Host
from pool.states import HostState
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.services.databases import MEMORY

READS = (
    "host", "hosts", "instance", "instances", "ended_instances", "images", "image", "image_versions", "images_on",
    "hosts_with_image",
)  # fmt: skip
TOUCH_NO_RECORD = ("take_lease", "drop_lease", "record_tick", "note_left")


class WatchedStore(PoolStore):
    """Sees every host go, and asks the world whether it is gone.

    Nobody else writes to the file, and records are frozen: what was read stays true until the next write, and is not
    read again before that. Most reads of a quiet tick cost nothing so.
    """

    world: Any = None
    _read: dict[object, object]
    _keeps = False

    def move_host(self, name: str, to: HostState, *arguments: object, **more: object) -> Host:
        moved = super().move_host(name, to, *arguments, **more)
        if to is HostState.REMOVED:
            self.world.check_gone(name)
        return moved

    def claim_untold_changes(self, limit: int = 500) -> list[Change]:
        if self._read.get("untold") == []:
            return []
        untold = super().claim_untold_changes(limit)
        self._read["untold"] = untold
        return untold

    def empty(self) -> None:
        with self._writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    def _writing(self) -> AbstractContextManager:
        if not self._keeps:
            self._read = {}
        return super()._writing()


def _remembered(name: str) -> Callable:
    plain = getattr(PoolStore, name)

    @wraps(plain)
    def read(self: WatchedStore, *arguments: object, **more: object) -> object:
        asked = (name, *map(_hashable, arguments), *((key, _hashable(more[key])) for key in more))
        if asked not in self._read:
            self._read[asked] = plain(self, *arguments, **more)
        found = self._read[asked]
        return found.copy() if isinstance(found, list | set) else found

    return read


def _keeping(name: str) -> Callable:
    plain = getattr(PoolStore, name)

    @wraps(plain)
    def write(self: WatchedStore, *arguments: object, **more: object) -> object:
        self._keeps = True
        try:
            return plain(self, *arguments, **more)
        finally:
            self._keeps = False

    return write


def _hashable(argument: object) -> object:
    return frozenset(argument) if isinstance(argument, list | set | tuple) else argument


for _name in READS:
    setattr(WatchedStore, _name, _remembered(_name))
for _name in TOUCH_NO_RECORD:
    setattr(WatchedStore, _name, _keeping(_name))


@contextmanager
def opened_store() -> Iterator[WatchedStore]:
    """A store in a folder of its own. It survives no power cut, and need not."""
    with TemporaryDirectory(prefix="dd-simulator-", dir=MEMORY) as folder:
        store = WatchedStore.open(f"sqlite:///{Path(folder) / 'pool.sqlite'}")
        event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        store.upgrade()
        try:
            yield store
        finally:
            store.close()
