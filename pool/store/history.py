"""Every change of state, written in the transaction that makes it: the source of every "why?" and of the events.

Of a session that ends, a visit is kept beside: when it came, how long it stayed and of which course it was, without its
other names.
"""

from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, case, delete, exists, func, insert, or_, select, update

from pool.changes import Audience, Change, HistoryEntry, Noun, histories_of, history_of
from pool.courses.course import Course
from pool.records import Host, Instance
from pool.reports.usage import Stay
from pool.sessions.visits import Visit
from pool.states import ENDED, HostState, InstanceState
from pool.store.configs import kept_courses
from pool.store.engine import Part
from pool.store.schema import changes, hosts, instances, visits
from pool.store.ticks import TickStore
from pool.store.timings import note_told

LAUNCHES = 200  # the latest ones: a cloud of last year is another one
_OF_STAY = [instances.c[name] for name in ("id", "pool", "blueprint", "user", "slots", "state", "state_since")]
_UNTOLD = select(changes.c.id).where(changes.c.told.is_(False))
_FIELDS = [field.name for field in fields(Change)]
_MARKS = {
    Audience.PLATFORM: changes.c.told_platform,
    Audience.VISITORS: changes.c.told_visitors,
    Audience.POOL_PAGE: changes.c.told_page,
    Audience.WEBHOOK: changes.c.told_webhook,
}
_UNTOLD_MARKS = {"told": False} | {mark.name: False for mark in _MARKS.values()}


class HistoryStore(Part):
    """Read what happened, and keep which of it was published to Prefect."""

    def changes(self, noun: Noun, subject: str, limit: int = 200) -> list[Change]:
        """The latest changes of one host or instance, oldest first."""
        about = (changes.c.noun == noun, changes.c.subject == subject)
        latest = select(changes).where(*about).order_by(changes.c.id.desc()).limit(limit)
        with self._db.reading() as connection:
            return [as_change(row) for row in reversed(connection.execute(latest).all())]

    def of_host(self, name: str) -> list[HistoryEntry]:
        """All that happened to the host, with the reasons, oldest first; nothing when there never was one."""
        return self._history(Noun.HOST, name)

    def of_instance(self, instance_id: str) -> list[HistoryEntry]:
        """All that happened to the session, with the reasons, oldest first; nothing when there never was one."""
        return self._history(Noun.INSTANCE, instance_id)

    def latest(self, noun: Noun, names: Collection[str], each: int) -> dict[str, list[HistoryEntry]]:
        """What happened last to each of these hosts or instances, oldest first: so many changes of each at the most."""
        newest = func.row_number().over(partition_by=changes.c.subject, order_by=changes.c.id.desc()).label("newest")
        of_them = select(changes, newest).where(changes.c.noun == noun, changes.c.subject.in_(sorted(names)))
        numbered = of_them.subquery()
        query = select(numbered).where(numbered.c.newest <= each).order_by(numbered.c.id)
        with self._db.reading() as connection:
            found = [as_change(row) for row in connection.execute(query)]
        return histories_of(found, TickStore(self._db).about(names, each * len(names)))

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
            return [as_change(row) for row in connection.execute(query)]

    def is_anything_unpublished(self) -> bool:
        """Whether any audience, Prefect's automations among them, was not told of a change yet."""
        left = or_(changes.c.told.is_(False), *(mark.is_(False) for mark in _MARKS.values()))
        with self._db.reading() as connection:
            return connection.execute(select(changes.c.id).where(left).limit(1)).first() is not None

    def mark_published(self, audience: Audience, ids: Collection[int], now: datetime) -> None:
        """The audience was told of these changes by now."""
        with self._db.writing() as connection:
            which = changes.c.id.in_(sorted(ids))
            connection.execute(update(changes).where(which).values({_MARKS[audience]: True}))
            if audience is Audience.PLATFORM:
                note_told(connection, ids, now)

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
        return sorted(map(as_change, claimed), key=lambda change: change.id)

    def visits(self, pool: str, since: datetime, now: datetime) -> list[Visit]:
        """Visits that were requested from a moment on, oldest first; a living session stays as long as it may."""
        over = select(visits).where(visits.c.pool == pool, visits.c.at >= since)
        with self._db.reading() as connection:
            ended = [_as_visit(row) for row in connection.execute(over.order_by(visits.c.at, visits.c.id))]
            return sorted([*ended, *_living(connection, pool, since, now)], key=lambda visit: visit.at)

    def stays(self, since: datetime, now: datetime) -> list[Stay]:
        """Stays of all sessions on record that were there at a moment or later; one that lives is there until now."""
        placed = placed_at(instances.c.id).label("placed")
        lasted = instances.c.state.not_in(sorted(ENDED)) | (instances.c.state_since >= since)
        with self._db.reading() as connection:
            rows = connection.execute(select(*_OF_STAY, placed).where(lasted)).all()
        return [_as_stay(row, now) for row in rows if row.placed is not None]

    def boots(self, pool: str) -> list[float]:
        """Seconds from spawn to active of the latest hosts, in the order in which they were spawned."""
        query = select(hosts.c.created_at, hosts.c.active_at)
        query = query.where(hosts.c.pool == pool, hosts.c.active_at.is_not(None), hosts.c.slots > 0)
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(hosts.c.number.desc()).limit(LAUNCHES)).all()
        return [(row.active_at - row.created_at).total_seconds() for row in reversed(rows)]

    def removals(self, pool: str) -> list[float]:
        """Seconds from removing to removed of the latest hosts, in the order in which their removal began.

        Of those that were active once: one that never was may have had no server.
        """
        query = select(changes.c.at, hosts.c.state_since).join(hosts, hosts.c.name == changes.c.subject)
        query = query.where(changes.c.noun == Noun.HOST, changes.c.state == HostState.REMOVING)
        query = query.where(hosts.c.pool == pool, hosts.c.state == HostState.REMOVED, hosts.c.active_at.is_not(None))
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(changes.c.id.desc()).limit(LAUNCHES)).all()
        return [(row.state_since - row.at).total_seconds() for row in reversed(rows)]

    def forget_visits(self, before: datetime) -> int:
        """Delete the visits that were requested before a moment; how many there were."""
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(select(visits.c.id).where(visits.c.at < before).limit(1)).first() is None:
                return 0
        with self._db.writing() as connection:
            return connection.execute(delete(visits).where(visits.c.at < before)).rowcount


def note_host_change(connection: Connection, host: Host, now: datetime) -> None:
    """Write down the state that a host has just gone to."""
    _note(connection, Noun.HOST, host.name, host, now)


def note_reach_change(connection: Connection, host: Host, state: str, reason: str, now: datetime) -> None:
    """Write down that a host went out of reach, or came back; its state is as it was."""
    _write_down(
        connection, Noun.HOST, host.name, now, {"state": state, "reason": reason, "pool": host.pool, "host": ""}
    )


def note_instance_change(connection: Connection, instance: Instance, now: datetime) -> None:
    """Write down the state that an instance has just gone to, the host that it is or was on, and its visit."""
    host = instance.host or instance.last_host or ""
    _note(connection, Noun.INSTANCE, instance.id, instance, now, host=host, user=instance.user)
    if instance.state in ENDED:
        placed = connection.scalar(select(placed_at(instance.id)))
        course = _course_of(kept_courses(connection, instance.pool), instance)
        connection.execute(insert(visits).values(pool=instance.pool, course=course, **_facts(instance, placed, now)))


def _note(
    connection: Connection, noun: Noun, subject: str, record: Host | Instance, now: datetime, **more: str
) -> None:
    what = {"state": record.state, "reason": record.reason, "pool": record.pool, "host": "", **more}
    _write_down(connection, noun, subject, now, what)


def _write_down(connection: Connection, noun: Noun, subject: str, now: datetime, what: dict[str, str]) -> None:
    connection.execute(insert(changes).values(at=now, noun=noun, subject=subject, **_UNTOLD_MARKS, **what))


def as_change(row: Row[Any]) -> Change:
    """The record that a row of ``changes`` stands for."""
    return Change(**{name: row._mapping[name] for name in _FIELDS})


def _facts(session: Instance | Row[Any], placed: datetime | None, until: datetime) -> dict[str, Any]:
    """Return the columns of a visit, in whole seconds."""
    facts: dict[str, Any] = {"at": session.created_at, "slots": session.slots}
    if placed is not None:
        facts |= {"waited": _seconds(session.created_at, placed), "stayed": _seconds(placed, until)}
        facts |= {"allowed": _seconds(placed, session.expires_at)} if session.expires_at else {}
    return facts


def _course_of(courses: Iterable[Course], session: Instance | Row[Any]) -> str:
    """Name the course of its pool that a session is of, as the last tick knew them; empty: it is of none."""
    asked = (session.blueprint, session.options, session.user)
    return next((course.name for course in courses if course.has_request(*asked)), "")


def _as_stay(row: Row[Any], now: datetime) -> Stay:
    until = row.state_since if row.state in ENDED else now
    return Stay(row.id, row.pool, row.blueprint, row.user, row.slots, row.placed, until)


def _living(connection: Connection, pool: str, since: datetime, now: datetime) -> list[Visit]:
    query = select(instances, placed_at(instances.c.id).label("placed"))
    query = query.where(instances.c.pool == pool, instances.c.created_at >= since)
    rows = connection.execute(query.where(instances.c.state.not_in(sorted(ENDED)))).all()
    courses = kept_courses(connection, pool) if rows else []
    return [Visit(**_facts(row, row.placed, row.expires_at or now), course=_course_of(courses, row)) for row in rows]


def placed_at(instance_id: Any) -> ScalarSelect[datetime]:
    """When the session took the room that it kept: one that lost its room began anew, or waits; null: it has none.

    One that was moved to another host stayed all the time.
    """
    of_it = (changes.c.noun == Noun.INSTANCE, changes.c.subject == instance_id)
    begun = case((changes.c.state == InstanceState.STARTING, changes.c.at))
    turns = select(begun).where(*of_it, changes.c.state.in_([InstanceState.QUEUED, InstanceState.STARTING]))
    moved = changes.alias()
    earlier = (moved.c.noun == changes.c.noun, moved.c.subject == changes.c.subject, moved.c.id < changes.c.id)
    turns = turns.where(~exists().where(*earlier, moved.c.state == InstanceState.MOVING))
    return turns.order_by(changes.c.id.desc()).limit(1).scalar_subquery()


def _seconds(first: datetime, last: datetime) -> int:
    return max(0, round((last - first).total_seconds()))


def _as_visit(row: Row[Any]) -> Visit:
    return Visit(row.at, row.slots, row.waited, row.stayed, row.allowed, row.course)
