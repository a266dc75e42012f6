"""Leases, which are locks with an expiry, and PostgreSQL's advisory locks, which end with their connection."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from pool.errors import DatabaseAway, Refused
from pool.store.engine import Database, Part, insert_unless_there
from pool.store.schema import leases

#: How often a lease that is dropped as soon as it is found taken is tried for, and who is then said to have it.
LOOKS, PASSING = 10, "a holder that dropped it meanwhile"
#: PostgreSQL notices within twenty seconds that a machine vanished; its locks end with its connection.
KEEPALIVES = "SET tcp_keepalives_idle = 5", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 3"


class LeaseStore(Part):
    """Locks with an expiry: a holder that died holds nothing for long.

    Nor does one whose clock was ahead: a lease that ends later than any could that is taken now is cut to that by the
    next one who asks for it. Its holder, if it lives, renews it.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._threads = defaultdict[str, Lock](Lock)

    @contextmanager
    def advisory_lock(self, name: str) -> Iterator[None]:
        """Hold the lock of this name against all threads, processes and machines, for the block.

        PostgreSQL's advisory lock of a connection: it ends with the process. One thread of a process waits for it at a
        time: each one that waits keeps a connection, and the one that holds the lock needs another.

        Raises:
            Refused: the database is SQLite, which is of one machine.
            DatabaseAway: it did not answer, or another process held the lock for too long.
        """
        if self._db.engine.dialect.name != "postgresql":
            raise Refused("workers or gateways on several machines need PostgreSQL for the pool's database, not SQLite")
        with self._threads[name], ExitStack() as stack:
            try:
                connection = stack.enter_context(self._db.reading())
                for statement in KEEPALIVES:
                    connection.execute(text(statement))
                connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), {"name": name})
            except SQLAlchemyError as error:
                raise DatabaseAway(f"the lock of the {name} cannot be taken: {type(error).__name__}") from error
            try:
                yield
            finally:
                _unlock(connection, name)

    def take(self, name: str, holder: str, ttl_seconds: float, now: datetime) -> str | None:
        """Take or renew a lease for *ttl_seconds* from *now*.

        Returns:
            None when *holder* has it, else the name of the holder that has; ``PASSING`` when at each of ``LOOKS`` looks
            another one had it and dropped it before it could be named.
        """
        latest = now + timedelta(seconds=ttl_seconds)
        mine = {"holder": holder, "expires_at": latest}
        for _ in range(LOOKS):
            with self._db.writing() as connection:
                if _take_free_lease(connection, name, mine, now):
                    return None
                _bound(connection, [name], latest)
                other: str | None = connection.scalar(select(leases.c.holder).where(leases.c.name == name))
            if other:
                return other
        return PASSING

    def take_any(self, names: Sequence[str], holder: str, ttl_seconds: float, now: datetime) -> str | None:
        """Take the first of these leases that is free; None when others have all of them."""
        held = self.holders(names, now)
        if len(held) == len(set(names)):
            with self._db.writing() as connection:
                _bound(connection, names, now + timedelta(seconds=ttl_seconds))
        free = [name for name in names if held.get(name, holder) == holder]
        return next((name for name in free if self.take(name, holder, ttl_seconds, now) is None), None)

    def holders(self, names: Sequence[str], now: datetime) -> dict[str, str]:
        """Who has which of these leases: they may be many, and few are held at any moment."""
        wanted, held = frozenset(names), select(leases.c.name, leases.c.holder).where(leases.c.expires_at > now)
        with self._db.reading() as connection:
            return {row.name: row.holder for row in connection.execute(held) if row.name in wanted}

    def drop(self, name: str, holder: str) -> None:
        """Give a lease back early; harmless when another one has it by now."""
        with self._db.writing() as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def drop_all_of(self, holder: str) -> None:
        """Give back all that a holder has which is known to be dead."""
        with self._db.writing() as connection:
            connection.execute(delete(leases).where(leases.c.holder == holder))


def _unlock(connection: Connection, name: str) -> None:
    """Give the lock back; a connection that cannot say so is closed, and the lock goes with it."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": name})
    except SQLAlchemyError:
        connection.invalidate()


def _bound(connection: Connection, names: Sequence[str], latest: datetime) -> None:
    """Cut leases that end after the latest moment at which one taken now would end."""
    beyond = (leases.c.name.in_(names), leases.c.expires_at > latest)
    connection.execute(update(leases).where(*beyond).values(expires_at=latest))


def _take_free_lease(connection: Connection, name: str, mine: dict[str, object], now: datetime) -> bool:
    """Whether the lease was free, or the holder's own, and is now the holder's."""
    free = (leases.c.holder == mine["holder"]) | (leases.c.expires_at <= now)
    if connection.execute(update(leases).where(leases.c.name == name, free).values(**mine)).rowcount:
        return True
    insert = insert_unless_there(connection, leases, "name").values(name=name, **mine)
    return connection.scalar(insert.returning(leases.c.name)) is not None
