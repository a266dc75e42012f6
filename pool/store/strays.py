"""What housekeeping remembers from tick to tick: who is out of reach, what is left over, what would not go."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Row, delete, func, select, update

from pool.housekeeping.found import Stray
from pool.records import Host
from pool.states import ENDED
from pool.store.engine import Database, insert_unless_there
from pool.store.hosts import as_host
from pool.store.schema import hosts, instances, strays


class ReconcilingStore(Database):
    """Hosts out of reach, strays, and the tries to remove them."""

    def note_reached(self, names: Collection[str]) -> None:
        """These hosts answered: they are in reach again."""
        if names:
            with self._writing() as connection:
                connection.execute(update(hosts).where(hosts.c.name.in_(sorted(names))).values(unreachable_since=None))

    def note_unreachable(self, trouble: Mapping[str, str], now: datetime) -> None:
        """These hosts did not answer, and why; each takes no session from now on, until it answers."""
        with self._writing() as connection:
            for name, words in sorted(trouble.items()):
                since = func.coalesce(hosts.c.unreachable_since, now)
                values = {"unreachable_since": since, "last_error": words, "last_error_at": now}
                connection.execute(update(hosts).where(hosts.c.name == name).values(**values))

    def note_repair(self, name: str, now: datetime) -> None:
        """The host is configured again because of what was found on it; not so soon once more."""
        with self._writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name).values(repaired_at=now))

    def count_removal(self, name: str, next_at: datetime) -> Host:
        """Count one more try to remove the host's server; before *next_at* there is none."""
        more = {"removals": hosts.c.removals + 1, "remove_after": next_at}
        with self._writing() as connection:
            return as_host(
                connection.execute(update(hosts).where(hosts.c.name == name).values(**more).returning(hosts)).one()
            )

    def strays(self, pool: str) -> dict[str, Stray]:
        """What was left over at the last tick of the pool, by id."""
        with self._reading() as connection:
            return {row.id: _as_stray(row) for row in connection.execute(select(strays).where(strays.c.pool == pool))}

    def stray(self, stray: str) -> Stray | None:
        """The stray of this id, or None when it is not known, or not any more."""
        with self._reading() as connection:
            row = connection.execute(select(strays).where(strays.c.id == stray)).first()
        return _as_stray(row) if row else None

    def note_strays(self, pool: str, seen: Iterable[str], now: datetime) -> None:
        """Write down what is left over now: new ones are reported from now on, and those that went are forgotten."""
        ids = set(seen)
        known = self.strays(pool).keys()
        if ids == known:
            return
        with self._writing() as connection:
            for stray in sorted(known - ids):
                connection.execute(delete(strays).where(strays.c.pool == pool, strays.c.id == stray))
            for stray in sorted(ids - known):
                new = asdict(Stray(stray, now)) | {"pool": pool}
                connection.execute(insert_unless_there(connection, strays, "pool", "id").values(new))

    def count_stray_removal(self, stray: str, next_at: datetime) -> None:
        """Count one more try to remove it; before *next_at* there is none."""
        more = {"attempts": strays.c.attempts + 1, "next_at": next_at}
        with self._writing() as connection:
            connection.execute(update(strays).where(strays.c.id == stray).values(**more))

    def ended_among(self, ids: Collection[str]) -> set[str]:
        """Those of these sessions that are over."""
        if not ids:
            return set()
        with self._reading() as connection:
            over = (instances.c.id.in_(sorted(ids)), instances.c.state.in_(sorted(ENDED)))
            return set(connection.scalars(select(instances.c.id).where(*over)))


def _as_stray(row: Row) -> Stray:
    return Stray(id=row.id, seen_at=row.seen_at, attempts=row.attempts, next_at=row.next_at)
