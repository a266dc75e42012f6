"""The records of standbys, and the one write by which a session takes one.

Whatever moves a standby locks its host before it, so that no two wait for each other.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, update

from pool.errors import NotFound, RefusedMove
from pool.records import SESSION_PORTS, BlueprintSpec, Instance
from pool.standbys.standby import MARK, OVER, STANDING, Standby, StandbyState, check_standby_move
from pool.states import ENDED, InstanceState
from pool.store.engine import Part, in_parts
from pool.store.instances.room import (
    SERVING,
    free_gpus,
    has_others_before,
    in_use,
    next_free_port,
    take_room_for_standby,
)
from pool.store.instances.rows import placement_of, write_instance
from pool.store.schema import hosts, instances, standbys
from pool.store.timings import note_room

_FIELDS = [name for name in Standby.__dataclass_fields__ if name != "placement"]
_NO_PLACE: dict[str, Any] = {"host": None, "port": None, "gpu_ids": None, "token": ""}


class StandbyStore(Part):
    """Begin, find, move and forget standbys."""

    def begin(
        self,
        blueprint: BlueprintSpec,
        host: str,
        made_by: str,
        image: str,
        now: datetime,
        ports: Sequence[int] = SESSION_PORTS,
        gpus: int = 0,
    ) -> Standby | None:
        """Record a standby as starting, with room and a port on an active host; None where there is too little room.

        Args:
            blueprint: how it is made.
            host: name of the host.
            made_by: digest of what it is made by.
            image: id of the version that it runs.
            now: becomes ``created_at``.
            ports: of the host, for sessions.
            gpus: that the host has.

        Raises:
            Refused: the host has slots, but no session port, or too few GPUs, are free.
        """
        new = self._new_row(blueprint, now) | {"host": host, "made_by": made_by, "image": image}
        with self._db.writing() as connection:
            if not take_room_for_standby(connection, host, blueprint.pool, blueprint.slots):
                return None
            new["port"] = next_free_port(connection, host, ports)
            new["gpu_ids"] = free_gpus(connection, blueprint.gpus, new["id"], host, gpus)
            return _as_standby(connection.execute(insert(standbys).values(new).returning(standbys)).one())

    def _new_row(self, blueprint: BlueprintSpec, now: datetime) -> dict[str, Any]:
        """Return a standby that starts, with a route and a token of its own, and no place yet."""
        route = self._db.secret()
        return {
            "id": f"{MARK}{hashlib.sha256(route.encode()).hexdigest()[:12]}",  # as logs call its route
            "pool": blueprint.pool,
            "blueprint": blueprint.name,
            "state": StandbyState.STARTING,
            **{name: getattr(blueprint, name) for name in ("slots", "gpus", "start_timeout")},
            "route": route,
            "token": self._db.secret(),
            **dict.fromkeys(("created_at", "state_since"), now),
            **dict.fromkeys(("session", "reason"), ""),
        }

    def get(self, standby_id: str) -> Standby:
        """The standby of this id.

        Raises:
            NotFound: "no standby is named standby.k3".
        """
        with self._db.reading() as connection:
            return _find(connection, standby_id)

    def all(
        self, pool: str | None = None, states: Iterable[StandbyState] = STANDING, blueprint: str | None = None
    ) -> list[Standby]:
        """The standbys of a pool and a blueprint (None: of any), in some states, oldest first."""
        query = select(standbys).where(standbys.c.state.in_(sorted(states)))
        if pool is not None:
            query = query.where(standbys.c.pool == pool)
        if blueprint is not None:
            query = query.where(standbys.c.blueprint == blueprint)
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(standbys.c.created_at, standbys.c.id)).all()
        return [_as_standby(row) for row in rows]

    def failed_since(self, pool: str, moment: datetime) -> list[Standby]:
        """Those of the pool that have failed from a moment on."""
        failed = (standbys.c.pool == pool, standbys.c.state == StandbyState.FAILED, standbys.c.state_since >= moment)
        with self._db.reading() as connection:
            return [_as_standby(row) for row in connection.execute(select(standbys).where(*failed)).all()]

    def move(self, standby_id: str, to: StandbyState, now: datetime, reason: str = "") -> Standby:
        """Move a standby to another state; one that is there already is returned unchanged.

        One that goes where no room is held gives its room back in the same transaction, and so exactly once.

        Raises:
            RefusedMove: its life cycle does not allow this: a session has it, or it is over.
            NotFound: no standby has this id.
        """
        with self._db.writing() as connection:
            standby = _locked(connection, standby_id)
            if standby.state is to:
                return standby
            check_standby_move(standby_id, standby.state, to)
            if to is StandbyState.TAKEN:
                raise RefusedMove(f"{standby_id} is taken by the request of a session alone")
            left = _give_room_back(connection, standby) if to in OVER else {}
            return _write(connection, standby_id, state=to, state_since=now, reason=reason, **left)

    def over_among(self, ids: Collection[str]) -> set[str]:
        """Those of these ids that are of standbys whose container no standby and no session has any more."""
        has_it = exists().where(instances.c.standby == standbys.c.id, instances.c.state.not_in(sorted(ENDED)))
        over = select(standbys.c.id).where(standbys.c.state.in_(sorted(OVER)), ~has_it)
        if not ids:
            return set()
        with self._db.reading() as connection:
            found = (connection.scalars(over.where(standbys.c.id.in_(part))) for part in in_parts(ids))
            return {one for some in found for one in some}

    def forget(self, before: datetime) -> int:
        """Delete the records of those that were over before a moment, and whose sessions are; how many there were."""
        has_it = exists().where(instances.c.standby == standbys.c.id)
        over = (standbys.c.state.in_(sorted(OVER)), standbys.c.state_since < before, ~has_it)
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(select(standbys.c.id).where(*over).limit(1)).first() is None:
                return 0
        with self._db.writing() as connection:
            return connection.execute(delete(standbys).where(*over)).rowcount


def lock_hosts_of(connection: Connection, ids: Collection[str]) -> None:
    """Have others that take room, or a standby, on the hosts of these wait for the transaction's end."""
    if ids and connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        named = select(standbys.c.host).where(standbys.c.id.in_(sorted(ids)))
        connection.execute(select(hosts.c.name).where(hosts.c.name.in_(named)).order_by(hosts.c.name).with_for_update())


def adopt_one(connection: Connection, instance: Instance, ids: Sequence[str], now: datetime) -> Instance | None:
    """Give a session that was recorded just now the first of these standbys that is still there for it.

    It is starting then, as any session that has room; None, with nothing changed, where there is none, or where others
    wait for room: to them the standbys' room goes first.
    """
    if not ids or has_others_before(connection, instance, ()):
        return None
    return next(filter(None, (_adopt(connection, instance, one, now) for one in ids)), None)


def _adopt(connection: Connection, instance: Instance, standby_id: str, now: datetime) -> Instance | None:
    """The guarded write: the standby is ready and its host serves, or nothing is changed."""
    ready = (standbys.c.id == standby_id, standbys.c.state == StandbyState.READY)
    serves = standbys.c.host.in_(select(hosts.c.name).where(*SERVING))
    found = connection.execute(select(standbys).where(*ready, serves)).one_or_none()
    if found is None:
        return None
    standby, gone = _as_standby(found), _NO_PLACE | {"state": StandbyState.TAKEN, "state_since": now}
    take = update(standbys).where(*ready).values(**gone, session=instance.id, reason=f"has become {instance.id}")
    if connection.execute(take).rowcount != 1:
        return None
    room = {"reserved": hosts.c.reserved + standby.slots, "standby": hosts.c.standby - standby.slots}
    connection.execute(update(hosts).where(hosts.c.name == standby.host).values(**room, **in_use(now)))
    note_room(connection, instance.id, now)
    place = {"host": standby.host, "port": found.port, "gpu_ids": found.gpu_ids}
    has = {"route": standby.route, "token": standby.token, "standby": standby.id, **place}
    return write_instance(connection, instance.id, state=InstanceState.STARTING, state_since=now, reason="", **has)


def _give_room_back(connection: Connection, standby: Standby) -> dict[str, Any]:
    left = {"standby": hosts.c.standby - standby.slots}
    connection.execute(update(hosts).where(hosts.c.name == standby.host).values(**left))
    return _NO_PLACE


def _find(connection: Connection, standby_id: str) -> Standby:
    row = connection.execute(select(standbys).where(standbys.c.id == standby_id)).one_or_none()
    if row is None:
        raise NotFound(f"no standby is named {standby_id}")
    return _as_standby(row)


def _locked(connection: Connection, standby_id: str) -> Standby:
    """Read it as it stays until the transaction's end. It never goes to another host, so that this is known before."""
    host = _find(connection, standby_id).host
    connection.execute(select(hosts.c.name).where(hosts.c.name == host).with_for_update())
    return _find(connection, standby_id)


def _write(connection: Connection, standby_id: str, **values: object) -> Standby:
    query = update(standbys).where(standbys.c.id == standby_id).values(**values).returning(standbys)
    return _as_standby(connection.execute(query).one())


def _as_standby(row: Row[Any]) -> Standby:
    found = row._mapping
    return Standby(**{name: found[name] for name in _FIELDS}, placement=placement_of(found))
