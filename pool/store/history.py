"""Every change of state, written in the transaction that makes it: the source of every "why?" and of the events."""

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from pool.changes import Audience, Change, HistoryEntry, Noun, history_of
from pool.records import Host, Instance
from pool.store.engine import Part
from pool.store.schema import changes, instances
from pool.store.ticks import TickStore

_UNTOLD = select(changes.c.id).where(changes.c.told.is_(False))
_FIELDS = [field.name for field in fields(Change)]
_MARKS = {
    Audience.PLATFORM: changes.c.told_platform,
    Audience.VISITORS: changes.c.told_visitors,
    Audience.POOL_PAGE: changes.c.told_page,
}
_UNTOLD_MARKS = {"told": False} | {mark.name: False for mark in _MARKS.values()}


class HistoryStore(Part):
    """Read what happened, and keep which of it was published to Prefect."""

    def changes(self, noun: Noun, subject: str, limit: int = 200) -> list[Change]:
        """The latest changes of one host or instance, oldest first."""
        about = (changes.c.noun == noun, changes.c.subject == subject)
        latest = select(changes).where(*about).order_by(changes.c.id.desc()).limit(limit)
        with self._db.reading() as connection:
            return [_as_change(row) for row in reversed(connection.execute(latest).all())]

    def of_host(self, name: str) -> list[HistoryEntry]:
        """All that happened to the host, with the reasons, oldest first; nothing when there never was one."""
        return self._history(Noun.HOST, name)

    def of_instance(self, instance_id: str) -> list[HistoryEntry]:
        """All that happened to the session, with the reasons, oldest first; nothing when there never was one."""
        return self._history(Noun.INSTANCE, instance_id)

    def of_user(self, user: str, sessions: int = 10) -> list[HistoryEntry]:
        """All that happened to the user's latest sessions, living and over, oldest first; each line names its session.

        Args:
            user: as the requests name it.
            sessions: how many of them, at most.
        """
        latest = select(instances.c.id).where(instances.c.user == user).order_by(instances.c.created_at.desc())
        with self._db.reading() as connection:
            ids = [*connection.scalars(latest.limit(sessions))]
        lines = [replace(line, what=f"{one}: {line.what}") for one in ids for line in self.of_instance(one)]
        return sorted(lines, key=lambda line: line.at)

    def _history(self, noun: Noun, name: str) -> list[HistoryEntry]:
        found = self.changes(noun, name)
        return history_of(found, TickStore(self._db).decisions(name) if found else [])

    def unpublished(self, audience: Audience, limit: int = 500) -> list[Change]:
        """Changes that the audience was not told of yet, oldest first."""
        query = select(changes).where(_MARKS[audience].is_(False)).order_by(changes.c.id).limit(limit)
        with self._db.reading() as connection:
            return [_as_change(row) for row in connection.execute(query)]

    def is_anything_unpublished(self) -> bool:
        """Whether any audience, Prefect's automations among them, was not told of a change yet."""
        left = or_(changes.c.told.is_(False), *(mark.is_(False) for mark in _MARKS.values()))
        with self._db.reading() as connection:
            return connection.execute(select(changes.c.id).where(left).limit(1)).first() is not None

    def mark_published(self, audience: Audience, ids: Collection[int]) -> None:
        """The audience was told of these changes."""
        with self._db.writing() as connection:
            which = changes.c.id.in_(sorted(ids))
            connection.execute(update(changes).where(which).values({_MARKS[audience]: True}))

    def claim_untold(self, limit: int = 500) -> list[Change]:
        """Changes that no event was emitted for yet, oldest first; from now on they count as told.

        Of two who ask at once, each change goes to one.
        """
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(_UNTOLD.limit(1)).first() is None:
                return []
        untold = _UNTOLD.order_by(changes.c.id).limit(limit).with_for_update(skip_locked=True)
        claim = update(changes).where(changes.c.id.in_(untold)).values(told=True).returning(changes)
        with self._db.writing() as connection:
            claimed = connection.execute(claim).all()
        return sorted(map(_as_change, claimed), key=lambda change: change.id)


def note_host_change(connection: Connection, host: Host, now: datetime) -> None:
    """Write down the state that a host has just gone to."""
    _note(connection, Noun.HOST, host.name, host, now)


def note_reach_change(connection: Connection, host: Host, state: str, reason: str, now: datetime) -> None:
    """Write down that a host went out of reach, or came back; its state is as it was."""
    _write_down(
        connection, Noun.HOST, host.name, now, {"state": state, "reason": reason, "pool": host.pool, "host": ""}
    )


def note_instance_change(connection: Connection, instance: Instance, now: datetime) -> None:
    """Write down the state that an instance has just gone to, and the host that it is or was on."""
    _note(
        connection,
        Noun.INSTANCE,
        instance.id,
        instance,
        now,
        host=instance.host or instance.last_host or "",
        user=instance.user,
    )


def _note(
    connection: Connection, noun: Noun, subject: str, record: Host | Instance, now: datetime, **more: str
) -> None:
    what = {"state": record.state, "reason": record.reason, "pool": record.pool, "host": "", **more}
    _write_down(connection, noun, subject, now, what)


def _write_down(connection: Connection, noun: Noun, subject: str, now: datetime, what: dict[str, str]) -> None:
    connection.execute(insert(changes).values(at=now, noun=noun, subject=subject, **_UNTOLD_MARKS, **what))


def _as_change(row: Row[Any]) -> Change:
    return Change(**{name: row._mapping[name] for name in _FIELDS})
