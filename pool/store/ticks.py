"""What each tick decided, and why."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from pool.decisions import Decision, DecisionKind, LeftUndone, RecordedDecision
from pool.store.engine import Part
from pool.store.schema import changes, decisions, ticks

#: Ticks and changes older than this are forgotten, the ticks with their decisions, by the next tick of their pool.
KEPT = timedelta(days=90)
#: What a tick before that left undone was done by a later one, or is left undone by that.
LATELY = timedelta(minutes=2)
_LATEST = select(decisions, ticks.c.pool, ticks.c.at).join(ticks).order_by(decisions.c.id.desc())


class TickStore(Part):
    """The memory that answers "why was this host removed?"."""

    def record(self, pool: str, decided: Sequence[Decision], now: datetime) -> int:
        """Store one tick with what it decided; return its number."""
        with self._db.writing() as connection:
            for log in (ticks, changes):
                connection.execute(delete(log).where(log.c.pool == pool, log.c.at < now - KEPT))
            begin = insert(ticks).values(pool=pool, at=now, left_undone="").returning(ticks.c.id)
            tick: int = connection.execute(begin).scalar_one()
            rows = [{"tick": tick} | vars(decision) for decision in decided]
            if rows:
                connection.execute(insert(decisions), rows)
        return tick

    def note_left(self, tick: int, left: str) -> None:
        """Keep what the tick decided and did not get done; empty: nothing."""
        with self._db.writing() as connection:
            connection.execute(update(ticks).where(ticks.c.id == tick).values(left_undone=left))

    def left_undone(self, pool: str, now: datetime) -> LeftUndone | None:
        """What a tick of the pool left undone ``LATELY``, the latest that did; one that still runs has not said it."""
        which = (ticks.c.pool == pool, ticks.c.at >= now - LATELY, ticks.c.left_undone != "")
        query = select(ticks.c.at, ticks.c.left_undone).where(*which).order_by(ticks.c.id.desc()).limit(1)
        with self._db.reading() as connection:
            row = connection.execute(query).first()
        return LeftUndone(*row) if row else None

    def decided_since(self, pool: str, kind: DecisionKind, since: datetime) -> set[str]:
        """What decisions of this kind were about lately."""
        query = select(decisions.c.subject).join(ticks).where(ticks.c.pool == pool, ticks.c.at >= since)
        with self._db.reading() as connection:
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
        query = _LATEST.limit(limit)
        if subject is not None:
            query = query.where(decisions.c.subject == subject)
        if pool is not None:
            query = query.where(ticks.c.pool == pool)
        with self._db.reading() as connection:
            return [_as_recorded(row) for row in connection.execute(query)]

    def about(self, subjects: Collection[str], limit: int) -> list[RecordedDecision]:
        """The latest decisions about any of these, newest first; no more than so many in all."""
        with self._db.reading() as connection:
            rows = connection.execute(_LATEST.where(decisions.c.subject.in_(sorted(subjects))).limit(limit)).all()
        return [_as_recorded(row) for row in rows]


def _as_recorded(row: Row[Any]) -> RecordedDecision:
    decision = Decision(kind=row.kind, subject=row.subject, reason=row.reason, flavor=row.flavor, cause=row.cause)
    return RecordedDecision(decision=decision, tick=row.tick, pool=row.pool, at=row.at)
