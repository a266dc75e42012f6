"""Who keeps house (leases), and what was decided and why (ticks and their decisions)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, delete, insert, select, update

from pool.decisions import Decision, DecisionKind, LeftUndone, RecordedDecision
from pool.store.engine import Database, insert_unless_there
from pool.store.schema import changes, decisions, leases, ticks

#: Ticks and changes older than this are forgotten, the ticks with their decisions, by the next tick of their pool.
KEPT = timedelta(days=90)
#: What a tick before that left undone was done by a later one, or is left undone by that.
LATELY = timedelta(minutes=2)
#: How often a lease that is dropped as soon as it is found taken is tried for, and who is then said to have it.
LOOKS, PASSING = 10, "a holder that dropped it meanwhile"


class LeaseStore(Database):
    """Locks with an expiry: a holder that died holds nothing for long."""

    def take_lease(self, name: str, holder: str, ttl_seconds: float, now: datetime) -> str | None:
        """Take or renew a lease for *ttl_seconds* from *now*.

        Returns:
            None when *holder* has it, else the name of the one who has; ``PASSING`` when at each of ``LOOKS`` looks
            another one had it and dropped it before it could be named.
        """
        mine = {"holder": holder, "expires_at": now + timedelta(seconds=ttl_seconds)}
        for _ in range(LOOKS):
            with self._writing() as connection:
                if _take_free_lease(connection, name, mine, now):
                    return None
                other = connection.scalar(select(leases.c.holder).where(leases.c.name == name))
            if other:
                return other
        return PASSING

    def take_any_lease(self, names: Sequence[str], holder: str, ttl_seconds: float, now: datetime) -> str | None:
        """Take the first of these leases that is free; None when others have all of them."""
        held = self.lease_holders(names, now)
        free = [name for name in names if held.get(name, holder) == holder]
        return next((name for name in free if self.take_lease(name, holder, ttl_seconds, now) is None), None)

    def lease_holders(self, names: Sequence[str], now: datetime) -> dict[str, str]:
        """Who has which of these leases."""
        query = select(leases.c.name, leases.c.holder).where(leases.c.name.in_(names), leases.c.expires_at > now)
        with self._reading() as connection:
            return {row.name: row.holder for row in connection.execute(query)}

    def drop_lease(self, name: str, holder: str) -> None:
        """Give a lease back early; harmless when another one has it by now."""
        with self._writing() as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def drop_leases_of(self, holder: str) -> None:
        """Give back all that a holder has which is known to be dead."""
        with self._writing() as connection:
            connection.execute(delete(leases).where(leases.c.holder == holder))


def _take_free_lease(connection: Connection, name: str, mine: dict, now: datetime) -> bool:
    """Whether the lease was free, or the holder's own, and is now the holder's."""
    free = (leases.c.holder == mine["holder"]) | (leases.c.expires_at <= now)
    if connection.execute(update(leases).where(leases.c.name == name, free).values(**mine)).rowcount:
        return True
    insert = insert_unless_there(connection, leases, "name").values(name=name, **mine)
    return connection.scalar(insert.returning(leases.c.name)) is not None


class TickStore(Database):
    """The memory that answers "why was this host removed?"."""

    def record_tick(self, pool: str, decided: Sequence[Decision], now: datetime) -> int:
        """Store one tick with what it decided; return its number."""
        with self._writing() as connection:
            for log in (ticks, changes):
                connection.execute(delete(log).where(log.c.pool == pool, log.c.at < now - KEPT))
            tick = connection.execute(insert(ticks).values(pool=pool, at=now, left_undone="")).inserted_primary_key.id
            rows = [{"tick": tick} | vars(decision) for decision in decided]
            if rows:
                connection.execute(insert(decisions), rows)
        return tick

    def note_left(self, tick: int, left: str) -> None:
        """Keep what the tick decided and did not get done; empty: nothing."""
        with self._writing() as connection:
            connection.execute(update(ticks).where(ticks.c.id == tick).values(left_undone=left))

    def left_undone(self, pool: str, now: datetime) -> LeftUndone | None:
        """What a tick of the pool left undone ``LATELY``, the latest that did; one that still runs has not said it."""
        which = (ticks.c.pool == pool, ticks.c.at >= now - LATELY, ticks.c.left_undone != "")
        query = select(ticks.c.at, ticks.c.left_undone).where(*which).order_by(ticks.c.id.desc()).limit(1)
        with self._reading() as connection:
            row = connection.execute(query).first()
        return LeftUndone(*row) if row else None

    def decided_since(self, pool: str, kind: DecisionKind, since: datetime) -> set[str]:
        """What decisions of this kind were about lately."""
        query = select(decisions.c.subject).join(ticks).where(ticks.c.pool == pool, ticks.c.at >= since)
        with self._reading() as connection:
            return set(connection.scalars(query.where(decisions.c.kind == kind)))

    def decisions(
        self, subject: str | None = None, limit: int = 100, pool: str | None = None
    ) -> list[RecordedDecision]:
        """The latest decisions, newest first.

        Args:
            subject: host, instance or pool that they are about; None: anything.
            limit: no more than so many.
            pool: whose ticks decided; None: of any pool.
        """
        query = select(decisions, ticks.c.pool, ticks.c.at).join(ticks).order_by(decisions.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(decisions.c.subject == subject)
        if pool is not None:
            query = query.where(ticks.c.pool == pool)
        with self._reading() as connection:
            return [_as_recorded(row) for row in connection.execute(query)]


def _as_recorded(row: Row) -> RecordedDecision:
    decision = Decision(kind=row.kind, subject=row.subject, reason=row.reason, flavor=row.flavor)
    return RecordedDecision(decision=decision, tick=row.tick, pool=row.pool, at=row.at)
