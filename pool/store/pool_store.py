"""The pool's memory: one object, all of whose methods are short transactions with ``now`` as an argument.

Each noun has its part in ``pool/store_<noun>.py``.
"""

from typing import Self

from pool.changes import LifeLine, Noun, life
from pool.store.changes import ChangeStore
from pool.store.engine import open_engine
from pool.store.hosts import HostStore
from pool.store.images import ImageStore
from pool.store.instances import InstanceStore
from pool.store.migrations import upgrade
from pool.store.service import ServiceStore
from pool.store.strays import ReconcilingStore
from pool.store.ticks import LeaseStore, TickStore


class PoolStore(
    HostStore, ServiceStore, InstanceStore, ImageStore, ReconcilingStore, LeaseStore, TickStore, ChangeStore
):
    """Hosts, instances, images, leases, ticks and changes in SQLite or PostgreSQL; safe to share between threads."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database that a SQLAlchemy URL names; an SQLite file is made, with its folder, if there is none.

        Raises:
            BadRequest: the URL is of no database that the pool can be kept in.
        """
        return cls(open_engine(url))

    def upgrade(self) -> None:
        """Bring the tables to the form that this version needs; safe when several processes do it at once.

        Raises:
            Refused: the database was made by a newer version.
        """
        upgrade(self._engine)

    def life_of_host(self, name: str) -> list[LifeLine]:
        """All that happened to the host, with the reasons, oldest first; nothing when there never was one."""
        return self._life(Noun.HOST, name)

    def life_of_instance(self, instance_id: str) -> list[LifeLine]:
        """All that happened to the session, with the reasons, oldest first; nothing when there never was one."""
        return self._life(Noun.INSTANCE, instance_id)

    def _life(self, noun: Noun, name: str) -> list[LifeLine]:
        changes = self.changes(noun, name)
        return life(changes, self.decisions(name) if changes else [])
