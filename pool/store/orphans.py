"""What is left over in the clouds and engines, from tick to tick."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from pool.housekeeping.found import Orphan
from pool.store.engine import Part, insert_unless_there
from pool.store.schema import orphans


class OrphanStore(Part):
    """Resources without a living record, and the tries to remove them."""

    def all(self, pool: str) -> dict[str, Orphan]:
        """What was left over at the last tick of the pool, by id."""
        with self._db.reading() as connection:
            return {
                row.id: _as_orphan(row) for row in connection.execute(select(orphans).where(orphans.c.pool == pool))
            }

    def find(self, orphan: str) -> Orphan | None:
        """The orphan of this id, or None when it is not known, or not any more."""
        with self._db.reading() as connection:
            row = connection.execute(select(orphans).where(orphans.c.id == orphan)).first()
        return _as_orphan(row) if row else None

    def note(self, pool: str, seen: Iterable[str], now: datetime) -> None:
        """Write down what is left over now: new ones are reported from now on, and those that went are forgotten."""
        ids = set(seen)
        known = self.all(pool).keys()
        if ids == known:
            return
        with self._db.writing() as connection:
            for orphan in sorted(known - ids):
                connection.execute(delete(orphans).where(orphans.c.pool == pool, orphans.c.id == orphan))
            for orphan in sorted(ids - known):
                new = asdict(Orphan(orphan, now)) | {"pool": pool}
                connection.execute(insert_unless_there(connection, orphans, "pool", "id").values(new))

    def count_removal(self, orphan: str, next_at: datetime) -> None:
        """Count one more try to remove it; before *next_at* there is none."""
        more = {"attempts": orphans.c.attempts + 1, "next_at": next_at}
        with self._db.writing() as connection:
            connection.execute(update(orphans).where(orphans.c.id == orphan).values(**more))


def _as_orphan(row: Row[Any]) -> Orphan:
    return Orphan(id=row.id, seen_at=row.seen_at, attempts=row.attempts, next_at=row.next_at)
