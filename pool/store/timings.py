"""When sessions came through the phases of their start: written by the transactions that move them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pool.changes import Noun
from pool.sessions.timings import Moments, Phase, Timings
from pool.states import InstanceState
from pool.store.engine import Part, in_parts
from pool.store.schema import changes, instances, timings

#: What a session that takes room again, on another host, has not come through yet.
_AFTER_ROOM = [Phase.TURN, Phase.CREATED, Phase.STARTED, Phase.ANSWERING, Phase.ROUTED, Phase.TOLD]
_HOST = func.coalesce(instances.c.host, instances.c.last_host, "").label("on_host")
_OF_INSTANCE = (instances.c.pool, instances.c.blueprint, instances.c.standby, _HOST)
_JOINED = select(timings, *_OF_INSTANCE).join(instances, instances.c.id == timings.c.instance)


class TimingStore(Part):
    """The phases of sessions, for as long as their records are kept."""

    def of(self, instance_id: str) -> Moments:
        """What a session has come through, and when; nothing of one that is older than this table."""
        with self._db.reading() as connection:
            row = connection.execute(select(timings).where(timings.c.instance == instance_id)).one_or_none()
        return _moments(row) if row else {}

    def of_each(self, instance_ids: Collection[str]) -> dict[str, Moments]:
        """What each of these sessions has come through, and when, by its id; without those of which nothing is kept."""
        found: dict[str, Moments] = {}
        with self._db.reading() as connection:
            for ids in in_parts(instance_ids):
                rows = connection.execute(select(timings).where(timings.c.instance.in_(ids)))
                found |= {row.instance: _moments(row) for row in rows}
        return found

    def since(self, moment: datetime, pool: str | None = None) -> list[Timings]:
        """The phases of all sessions of a pool (None: of any) that were accepted then or later, oldest first."""
        query = _JOINED.where(timings.c.accepted >= moment).order_by(timings.c.accepted, timings.c.instance)
        if pool is not None:
            query = query.where(instances.c.pool == pool)
        with self._db.reading() as connection:
            return [_as_timings(row) for row in connection.execute(query)]

    def told_since(self, moment: datetime, accepted: datetime) -> list[Timings]:
        """The phases of sessions whose platforms were told at a moment or after it that they run, the first told first.

        Args:
            moment: from which on.
            accepted: from which on they were accepted; by that they are found, and no others are looked at.
        """
        chosen = _JOINED.where(timings.c.accepted >= accepted, timings.c.told >= moment)
        with self._db.reading() as connection:
            query = chosen.order_by(timings.c.told, timings.c.instance)
            return [_as_timings(row) for row in connection.execute(query)]

    def accepted_within(self, pool: str, blueprint: str, span: tuple[datetime, datetime]) -> list[datetime]:
        """When sessions by a blueprint were asked for, from one moment to just before another, in order."""
        begin, end = span
        mine = (instances.c.pool == pool, instances.c.blueprint == blueprint)
        query = select(timings.c.accepted).join(instances, instances.c.id == timings.c.instance).where(*mine)
        asked = query.where(timings.c.accepted >= begin, timings.c.accepted < end).order_by(timings.c.accepted)
        with self._db.reading() as connection:
            return [*connection.scalars(asked)]

    def note_first(self, instance_id: str, phase: Phase, moment: datetime) -> None:
        """A session has come through this phase; where that is known already, the earlier moment stays."""
        column = timings.c[str(phase)]
        change = update(timings).where(timings.c.instance == instance_id, column.is_(None))
        with self._db.writing() as connection:
            connection.execute(change.values({column: moment}))


def begin_timings(connection: Connection, instance_id: str, accepted: datetime | None, now: datetime) -> None:
    """Write down when a session that is recorded now was accepted, and that it is picked up."""
    connection.execute(insert(timings).values(instance=instance_id, accepted=accepted, picked_up=now))


def note_phases(connection: Connection, instance_id: str, moments: Mapping[Phase, datetime]) -> None:
    """Write down phases of a session."""
    if moments:
        connection.execute(update(timings).where(timings.c.instance == instance_id).values(**_columns(moments)))


def note_room(connection: Connection, instance_id: str, now: datetime) -> None:
    """Write down that a session has room; what it came through on another host counts no longer."""
    later: dict[str, Any] = dict.fromkeys(map(str, _AFTER_ROOM))
    connection.execute(update(timings).where(timings.c.instance == instance_id).values(**later, room=now))


def note_told(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Write down that platforms can read which sessions run, by the ids of their changes."""
    running = (changes.c.noun == Noun.INSTANCE, changes.c.state == InstanceState.RUNNING)
    told = select(changes.c.subject).where(changes.c.id.in_(sorted(ids)), *running)
    untold = (timings.c.instance.in_(told), timings.c.told.is_(None))
    connection.execute(update(timings).where(*untold).values(told=now))


def _columns(moments: Mapping[Phase, datetime]) -> dict[str, datetime]:
    return {str(phase): moment for phase, moment in moments.items()}


def _as_timings(row: Row[Any]) -> Timings:
    return Timings(row.instance, row.blueprint, row.on_host, _moments(row), bool(row.standby), row.pool)


def _moments(row: Row[Any]) -> Moments:
    found = row._mapping
    return {phase: found[str(phase)] for phase in Phase if found[str(phase)] is not None}
