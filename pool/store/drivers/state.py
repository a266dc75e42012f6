"""State of drivers: key-value records with versions, by namespace."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, update

from pool.drivers.state import StateRecord, as_json, check_key, check_limit, check_namespace, check_prefix, expiry
from pool.errors import VersionConflict
from pool.store.engine import Part, delete_any, insert_unless_there
from pool.store.schema import driver_state, driver_versions

ABSENT = 0  # the version of a record that is not there


class DriverStateStore(Part):
    """Read, write, delete and list records. One that has expired is not there, whether it was pruned or not."""

    def find(self, namespace: str, key: str, now: datetime) -> StateRecord | None:
        """The record of this key; None: there is none, or it has expired.

        Raises:
            BadRequest: the namespace or the key is none.
        """
        _check(namespace, key)
        with self._db.reading() as connection:
            row = connection.execute(select(driver_state).where(*_living(namespace, key, now))).one_or_none()
        return _as_record(row) if row else None

    def put(
        self,
        namespace: str,
        key: str,
        value: object,
        now: datetime,
        expires_in: float | None = None,
        version: int | None = None,
    ) -> StateRecord:
        """Write a record, whole: a value and a time of its own, in the place of what was there.

        Args:
            namespace: the driver's name.
            key: within the namespace.
            value: JSON.
            now: the moment.
            expires_in: seconds until it is there no longer; None: it stays.
            version: that it is changed from; 0: it must not be there; None: whatever is there is replaced.

        Raises:
            BadRequest: what is given is not of its form.
            VersionConflict: it has another version.
        """
        _check(namespace, key)
        text, until = as_json(key, value), expiry(expires_in, now)
        with self._db.writing() as connection:
            number = _next_version(connection, namespace)
            _check_version(connection, namespace, key, version, now)
            _write(
                connection, namespace, key, {"value": text, "version": number, "written_at": now, "expires_at": until}
            )
        return StateRecord(namespace, key, json.loads(text), number, now, until)

    def delete(self, namespace: str, key: str, now: datetime, version: int | None = None) -> bool:
        """Delete a record; whether it was there. Absent is success, unless it was to have a version.

        Raises:
            BadRequest: the namespace or the key is none.
            VersionConflict: it has another version than the one that was named.
        """
        _check(namespace, key)
        with self._db.writing() as connection:
            _next_version(connection, namespace)  # no writer of the namespace comes between look and deletion
            there = _check_version(connection, namespace, key, version, now) != ABSENT
            connection.execute(delete(driver_state).where(*_named(namespace, key)))
        return there

    def list(
        self, namespace: str, now: datetime, prefix: str = "", limit: int = 100, after: str = ""
    ) -> list[StateRecord]:
        """The records whose keys begin so, by key; the next ones come after the last key of these.

        Raises:
            BadRequest: the namespace, the prefix or the limit is none.
        """
        check_namespace(namespace)
        check_prefix(prefix)
        check_limit(limit)
        key = driver_state.c.key
        below = (key >= prefix, key > after, func.substr(key, 1, len(prefix)) == prefix)
        query = select(driver_state).where(driver_state.c.namespace == namespace, _unexpired(now), *below)
        with self._db.reading() as connection:
            return [_as_record(row) for row in connection.execute(query.order_by(key).limit(limit))]

    def forget_expired(self, now: datetime) -> int:
        """Delete what has expired; how many records there were."""
        return delete_any(self._db, driver_state, driver_state.c.expires_at <= now)


def _check(namespace: str, key: str) -> None:
    check_namespace(namespace)
    check_key(key)


def _named(namespace: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return driver_state.c.namespace == namespace, driver_state.c.key == key


def _unexpired(now: datetime) -> ColumnElement[bool]:
    return or_(driver_state.c.expires_at.is_(None), driver_state.c.expires_at > now)


def _living(namespace: str, key: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return *_named(namespace, key), _unexpired(now)


def _next_version(connection: Connection, namespace: str) -> int:
    """Give the namespace's next version; other writers of the namespace wait from here on until this one ends."""
    first = insert_unless_there(connection, driver_versions, "namespace").values(namespace=namespace, last=0)
    connection.execute(first)
    last = driver_versions.c.last
    taken = update(driver_versions).where(driver_versions.c.namespace == namespace).values(last=last + 1)
    number: int = connection.execute(taken.returning(last)).scalar_one()
    return number


def _check_version(connection: Connection, namespace: str, key: str, wanted: int | None, now: datetime) -> int:
    """Return the version that a record has; refuse where another one is wanted."""
    query = select(driver_state.c.version).where(*_living(namespace, key, now))
    found = connection.scalar(query) or ABSENT
    if wanted is not None and found != wanted:
        has = f"has version {found}" if found else "is not there"
        needs = f"version {wanted} was to be changed" if wanted else "it was to be made"
        raise VersionConflict(f"state of {namespace}: key {key} {has}, and {needs}; nothing was changed: read it again")
    return found


def _write(connection: Connection, namespace: str, key: str, new: dict[str, Any]) -> None:
    change = update(driver_state).where(*_named(namespace, key)).values(**new)
    if not connection.execute(change).rowcount:
        connection.execute(insert(driver_state).values(namespace=namespace, key=key, **new))


def _as_record(row: Row[Any]) -> StateRecord:
    return StateRecord(**{**row._mapping, "value": json.loads(row.value)})
