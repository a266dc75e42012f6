"""The records of backups: one row for each, which outlives the record of its session."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, insert, select, update

from pool.backups.backup import Backup
from pool.backups.states import PROGRAM_ENDS, BackupCause, BackupState, check_backup_move
from pool.errors import NotFound, Refused
from pool.records import Instance, KeptWork
from pool.store.engine import Part, check_facts, in_parts
from pool.store.schema import backups, instances

FACTS_OF_A_MOVE = frozenset({"size", "files", "digest", "snapshot", "base", "fault"})
UNFINISHED = frozenset({BackupState.WRITING, BackupState.WRITTEN})
_NOTHING_YET = {"size": 0, "files": 0, "digest": "", "snapshot": "", "base": "", "fault": None, "reason": ""}
KEPT_WORK = frozenset(field.name for field in fields(KeptWork))
NEW = frozenset({"comes_back", "stop_seconds"})  # since 0.2.0
_kept_work = lru_cache(maxsize=1000)(KeptWork)  # sessions of one blueprint share it
_FIELDS = [field.name for field in fields(Backup)]


class BackupStore(Part):
    """Begin, move and find backups."""

    def begin(self, instance: Instance, cause: BackupCause, now: datetime) -> Backup:
        """Record a backup before anything is written; one of the same cause that did not come to its end begins again.

        What was kept of a session that is being ended is kept: that backup is returned as it is. Not what was kept of
        an earlier session of the same name, whose record was deleted since. So it is with a session that moves, and not
        with what was kept for an earlier move.
        The lease on the session's work is held meanwhile: no two runs begin one at once.

        Args:
            instance: the session.
            cause: what asked for it.
            now: the moment.
        """
        with self._db.writing() as connection:
            connection.execute(select(instances.c.id).where(instances.c.id == instance.id).with_for_update())
            last = connection.execute(_of_instance(instance.id).limit(1)).one_or_none()
            same = last is not None and last.cause is cause and last.begun_at >= instance.created_at
            since = instance.state_since if cause is BackupCause.SESSION_MOVES else instance.created_at
            kept = last and last.state is BackupState.VERIFIED and last.begun_at >= since
            if last and same and kept and cause in PROGRAM_ENDS:
                return _as_backup(last)
            if last and same and last.state in UNFINISHED | {BackupState.FAILED}:
                again = {"attempts": last.attempts + 1, "state": BackupState.WRITING} | _NOTHING_YET
                return _write(connection, last.id, **again, begun_at=now, state_since=now)
            return _insert(connection, instance, (last.number if last else 0) + 1, cause, now)

    def get(self, backup_id: str) -> Backup:
        """The backup of this id.

        Raises:
            NotFound: "no backup is named alice-1.1".
        """
        with self._db.reading() as connection:
            return _backup(connection, backup_id)

    def of_user(self, pool: str, blueprint: str, user: str) -> list[Backup]:
        """The backups of a user's sessions of a blueprint, in any state, newest first."""
        whose = (backups.c.pool == pool, backups.c.blueprint == blueprint, backups.c.user == user)
        return self._found(_newest_first().where(*whose))

    def of_instance(self, instance_id: str) -> list[Backup]:
        """The backups of one session, in any state, newest first."""
        return self._found(_of_instance(instance_id))

    def of_instances(self, ids: Collection[str]) -> list[Backup]:
        """The backups of these sessions, newest first, without those that are forgotten: they would only grow."""
        there = _newest_first().where(backups.c.state != BackupState.FORGOTTEN)
        found = [self._found(there.where(backups.c.instance.in_(part))) for part in in_parts(ids)]
        return sorted(chain(*found), key=lambda one: (one.begun_at, one.id), reverse=True)

    def all(self, states: Iterable[BackupState] | None = None, pool: str = "", user: str = "") -> list[Backup]:
        """The backups in some states (None: in any), of one pool, of one user (empty: of any), newest first."""
        query = _newest_first()
        if states is not None:
            query = query.where(backups.c.state.in_(sorted(states)))
        query = query.where(backups.c.pool == pool) if pool else query
        return self._found(query.where(backups.c.user == user) if user else query)

    def move(self, backup_id: str, to: BackupState, now: datetime, reason: str = "", **facts: Any) -> Backup:
        """Move a backup along its life cycle; one that is there already is returned unchanged.

        Args:
            backup_id: the backup.
            to: the state.
            now: becomes ``state_since``.
            reason: why it is in its new state.
            facts: what is known from now on: ``size``, ``files``, ``digest``, ``snapshot``, ``base``, ``fault``.

        Raises:
            RefusedMove: its life cycle does not allow this.
            NotFound: no backup has this id.
        """
        check_facts(facts, FACTS_OF_A_MOVE)
        with self._db.writing() as connection:
            backup = _backup(connection, backup_id, lock=True)
            if backup.state is to:
                return backup
            check_backup_move(backup_id, backup.state, to)
            return _write(connection, backup_id, state=to, state_since=now, reason=reason, **facts)

    def stand_on(self, backup_id: str, base_id: str) -> Backup:
        """Let a backup that is being written stand on another one, which is not deleted from now on.

        Raises:
            Refused: the other one does not count, or not any more.
            NotFound: one of the two is not on record.
        """
        with self._db.writing() as connection:
            base = _backup(connection, base_id, lock=True)
            if not base.counts:
                raise Refused(f"backup {backup_id} cannot stand on {base_id}, which is {base.state}")
            return _write(connection, backup_id, base=base_id)

    def pools(self) -> list[str]:
        """Names of the pools that have backups, whether or not there is such a pool any more."""
        query = select(backups.c.pool).where(backups.c.state != BackupState.FORGOTTEN).distinct()
        with self._db.reading() as connection:
            return sorted(connection.scalars(query))

    def drop_forgotten(self, before: datetime) -> int:
        """Delete the records of backups that were forgotten before a moment; how many there were.

        The newest of a session on record stays: the number of its next backup follows from it. So does one that another
        backup stands on.
        """
        later = backups.alias()
        has_later = exists().where(later.c.instance == backups.c.instance, later.c.number > backups.c.number)
        is_over = backups.c.instance.not_in(select(instances.c.id))
        is_base = exists().where(later.c.base == backups.c.id)
        old = (backups.c.state == BackupState.FORGOTTEN, backups.c.state_since < before)
        with self._db.writing() as connection:
            return connection.execute(delete(backups).where(*old, has_later | is_over, ~is_base)).rowcount

    def _found(self, query: Select[Any]) -> list[Backup]:
        with self._db.reading() as connection:
            return [_as_backup(row) for row in connection.execute(query)]


def as_kept_work(values: dict[str, Any]) -> KeptWork:
    """Read what of a session is kept, as its row has it; what a later version has added is left out."""
    known = {name: value for name, value in values.items() if name in KEPT_WORK}
    return _kept_work(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})


def stored_kept_work(keep: KeptWork) -> dict[str, Any]:
    """Write what of a session is kept as its row has it; without what is new and has its default.

    Workers of the version before read the row, too, during an upgrade, and refuse what they do not know.
    """
    usual = asdict(KeptWork())
    return {name: value for name, value in asdict(keep).items() if name not in NEW or value != usual[name]}


def _newest_first() -> Select[Any]:
    return select(backups).order_by(backups.c.begun_at.desc(), backups.c.id.desc())


def _of_instance(instance_id: str) -> Select[Any]:
    return select(backups).where(backups.c.instance == instance_id).order_by(backups.c.number.desc())


def _backup(connection: Connection, backup_id: str, lock: bool = False) -> Backup:
    query = select(backups).where(backups.c.id == backup_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no backup is named {backup_id}")
    return _as_backup(row)


def _insert(connection: Connection, instance: Instance, number: int, cause: BackupCause, now: datetime) -> Backup:
    new = {
        "id": f"{instance.id}.{number}",
        "instance": instance.id,
        "number": number,
        "pool": instance.pool,
        "blueprint": instance.blueprint,
        "user": instance.user,
        "cause": cause,
        "state": BackupState.WRITING,
        "begun_at": now,
        "state_since": now,
        "attempts": 1,
    }
    return _as_backup(connection.execute(insert(backups).values(new | _NOTHING_YET).returning(backups)).one())


def _write(connection: Connection, backup_id: str, **values: object) -> Backup:
    written = update(backups).where(backups.c.id == backup_id).values(**values).returning(backups)
    return _as_backup(connection.execute(written).one())


def _as_backup(row: Row[Any]) -> Backup:
    return Backup(**{name: row._mapping[name] for name in _FIELDS})
