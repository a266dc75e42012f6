"""Rows of ``instances``: how they are read and written, inside a transaction of the caller's."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select, update

from pool.errors import NotFound, RefusedMove
from pool.moments import minute
from pool.records import Instance, Placement, ProxyOptions
from pool.states import InstanceState, check_instance_move
from pool.store.backups import as_kept_work
from pool.store.history import note_instance_change
from pool.store.instances.room import reserved_place, take_room
from pool.store.schema import instances
from pool.store.timings import note_room

#: Sessions of one blueprint share them: a large pool has twenty thousand.
as_proxy = lru_cache(maxsize=1000)(ProxyOptions)
_FIELDS = [field.name for field in fields(Instance) if field.name not in ("placement", "target")]


def as_instance(row: Row[Any]) -> Instance:
    """The record that a row of ``instances`` stands for."""
    found = row._mapping  # made anew each time that it is asked for
    values = {name: found[name] for name in _FIELDS}
    made = {"proxy": as_proxy(**values["proxy"]), "keep": as_kept_work(values["keep"])}
    return Instance(**values | made, placement=placement_of(found), target=placement_of(found, "to_"))


def placement_of(found: RowMapping, prefix: str = "") -> Placement | None:
    """The room that a row of a session, or of a standby, holds; None: it holds none."""
    host = found[prefix + "host"]
    return Placement(host, found[prefix + "port"], tuple(found[prefix + "gpu_ids"] or ())) if host else None


def get_instance(connection: Connection, instance_id: str, lock: bool = False) -> Instance:
    """Read an instance; locked, it stays as it was read until the transaction ends (SQLite has one writer anyway).

    Raises:
        NotFound: "no instance is named alice-1".
    """
    query = select(instances).where(instances.c.id == instance_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no instance is named {instance_id}")
    return as_instance(row)


def check_as_planned(instance: Instance, only_from: InstanceState | None, only_if_expired_by: datetime | None) -> None:
    """Refuse a move that was decided on by what the instance is no longer.

    Raises:
        RefusedMove: it is not in the one state that it may come from, or its time is not over by the moment given.
    """
    if only_from not in (None, instance.state):
        raise RefusedMove(f"instance {instance.id} is {instance.state}, no longer {only_from}")
    until = instance.expires_at
    if only_if_expired_by and (until is None or until > only_if_expired_by):
        goes_on = f"until {minute(until)}" if until else "without an end"
        raise RefusedMove(f"instance {instance.id} goes on {goes_on}: it was extended")


def is_known(connection: Connection, instance_id: str) -> bool:
    """Whether there is, or was, an instance of this id."""
    return connection.scalar(select(instances.c.id).where(instances.c.id == instance_id)) is not None


def write_instance(connection: Connection, instance_id: str, **values: object) -> Instance:
    """Change an instance's row, and note in its history the state that it is in since."""
    row = connection.execute(
        update(instances).where(instances.c.id == instance_id).values(**values).returning(instances)
    )
    written = as_instance(row.one())
    note_instance_change(connection, written, written.state_since)
    return written


def reserve(
    connection: Connection, instance: Instance, host_name: str, ports: Sequence[int], gpus: int, now: datetime
) -> Instance | None:
    """Take room on a host for a queued instance, and move it to starting; None: there is too little.

    Raises:
        RefusedMove: it is not queued.
        Refused: the host has slots, but no session port, or too few GPUs, are free.
    """
    check_instance_move(instance.id, instance.state, InstanceState.STARTING)
    if not take_room(connection, instance, host_name, now):
        return None
    place = reserved_place(connection, instance, host_name, ports, gpus)
    if not instance.carried:  # the phases of its start are those of its first one
        note_room(connection, instance.id, now)
    facts = {"state_since": now, "reason": "", "standby": ""}  # a container of its own is made for it here
    return write_instance(connection, instance.id, state=InstanceState.STARTING, **facts | place)
