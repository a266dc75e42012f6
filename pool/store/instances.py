"""The records of instances, and the room that they hold on hosts.

Order of locks, in every transaction: limits of sessions first, then the instance, then its host.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from pool.errors import NotFound, Refused, RefusedMove
from pool.moments import after
from pool.records import SESSION_PORTS, BlueprintSpec, Instance, Placement, ProxyOptions
from pool.sessions.limits import SessionLimit
from pool.sessions.timings import Phase
from pool.states import ENDED, HOLDING_ROOM, EndCause, InstanceState, check_instance_move
from pool.store.backups import as_kept_work
from pool.store.engine import Database, Part, check_facts, insert_unless_there
from pool.store.history import note_instance_change
from pool.store.host_rows import forgive
from pool.store.room import (
    check_limits,
    free_gpus,
    give_room_back,
    has_others_before,
    lock_limits,
    next_free_port,
    take_room,
)
from pool.store.schema import hosts, instances
from pool.store.timings import begin_timings, note_phases, note_room

FACTS_OF_A_MOVE = frozenset({"expires_at"})
ENDING = ENDED | {InstanceState.STOPPING}
_FIELDS = [field.name for field in fields(Instance) if field.name != "placement"]


def as_instance(row: Row[Any]) -> Instance:
    """The record that a row of ``instances`` stands for."""
    found = row._mapping  # made anew each time that it is asked for
    values = {name: found[name] for name in _FIELDS}
    placement = Placement(found["host"], found["port"], tuple(found["gpu_ids"] or ())) if found["host"] else None
    made = {"proxy": ProxyOptions(**values["proxy"]), "keep": as_kept_work(values["keep"]), "placement": placement}
    return Instance(**values | made)


class InstanceStore(Part):
    """Ask for, place, move and find instances.

    Args:
        database: that all parts of the store share.
        secret: makes a route or a token.
    """

    def __init__(self, database: Database, secret: Callable[[], str] | None = None) -> None:
        super().__init__(database)
        self._secret = secret or _unguessable

    def request(
        self,
        instance_id: str,
        blueprint: BlueprintSpec,
        user: str,
        options: dict[str, Any],
        now: datetime,
        limits: Sequence[SessionLimit] = (),
        accepted: datetime | None = None,
    ) -> tuple[Instance, bool]:
        """Record a new session as queued, with a fresh route and token; or find the one that has this id.

        Args:
            instance_id: of the session.
            blueprint: how it is made.
            user: who it is for.
            options: of the request.
            now: the moment of its request, as far as its place in the queue goes.
            limits: of the pool and the blueprint, for a new session.
            accepted: when Prefect's API took the request; None: it is not known.

        Returns:
            The instance, and True when this call made it.

        Raises:
            TooManySessions: it is a new one, and would be one more than a limit allows; nothing is recorded.
        """
        new = {
            "id": instance_id,
            "pool": blueprint.pool,
            "blueprint": blueprint.name,
            "user": user,
            "state": InstanceState.QUEUED,
            "slots": blueprint.slots,
            "gpus": blueprint.gpus,
            "route": self._secret(),
            "token": self._secret(),
            **dict.fromkeys(("created_at", "state_since"), now),
            "reason": "",
            **{name: getattr(blueprint, name) for name in ("idle_timeout", "start_timeout")},
            "options": options,
            **{name: asdict(getattr(blueprint, name)) for name in ("proxy", "keep")},
        }
        with self._db.writing() as connection:
            lock_limits(connection, limits)
            if not _is_known(connection, instance_id):
                check_limits(connection, limits)
            insert = insert_unless_there(connection, instances, "id").values(new).returning(instances.c.id)
            made = connection.scalar(insert) is not None
            instance = _instance(connection, instance_id)
            if made:
                note_instance_change(connection, instance, now)
                begin_timings(connection, instance_id, accepted, now)
            return instance, made

    def get(self, instance_id: str) -> Instance:
        """The instance of this id.

        Raises:
            NotFound: "no instance is named alice-1".
        """
        with self._db.reading() as connection:
            return _instance(connection, instance_id)

    def all(
        self, pool: str | None = None, states: Iterable[InstanceState] | None = None, host: str | None = None
    ) -> list[Instance]:
        """The instances of a pool, in some states, holding room on a host (None: of any), oldest first."""
        query = select(instances).order_by(instances.c.created_at, instances.c.id)
        if pool is not None:
            query = query.where(instances.c.pool == pool)
        if states is not None:
            query = query.where(instances.c.state.in_(sorted(states)))
        if host is not None:
            query = query.where(instances.c.host == host)
        with self._db.reading() as connection:
            return [as_instance(row) for row in connection.execute(query).all()]

    def running_routes(self) -> dict[str, Placement]:
        """The routes of all running sessions, with the place that each leads to."""
        query = select(instances.c.route, instances.c.host, instances.c.port)
        with self._db.reading() as connection:
            rows = connection.execute(query.where(instances.c.state == InstanceState.RUNNING)).all()
        return {row.route: Placement(row.host, row.port) for row in rows}

    def queue(self, pool: str) -> list[Instance]:
        """Those that wait for room in the pool, the next one first."""
        return self.all(pool, [InstanceState.QUEUED])

    def ended(self, since: datetime, limit: int) -> list[Instance]:
        """The latest sessions to have ended, none of them before *since*, newest first."""
        over = (instances.c.state.in_(sorted(ENDED)), instances.c.state_since >= since)
        query = select(instances).where(*over).order_by(instances.c.state_since.desc()).limit(limit)
        with self._db.reading() as connection:
            return [as_instance(row) for row in connection.execute(query).all()]

    def found(
        self, user: str | None = None, since: datetime | None = None, failed: bool = False, limit: int = 200
    ) -> list[Instance]:
        """The latest sessions, living and over, newest request first: of one user, living since a moment, failed."""
        query = select(instances).order_by(instances.c.created_at.desc(), instances.c.id).limit(limit)
        if user is not None:
            query = query.where(instances.c.user == user)
        if since is not None:
            query = query.where(instances.c.state.not_in(sorted(ENDED)) | (instances.c.state_since >= since))
        if failed:
            query = query.where(instances.c.state == InstanceState.FAILED)
        with self._db.reading() as connection:
            return [as_instance(row) for row in connection.execute(query).all()]

    def failures(self, pool: str, since: datetime) -> dict[EndCause, int]:
        """How many sessions of the pool have failed from a moment on, by cause; those whose cause is known."""
        failed = (instances.c.state == InstanceState.FAILED, instances.c.state_since >= since)
        of_pool = (instances.c.pool == pool, instances.c.end_cause.is_not(None))
        query = select(instances.c.end_cause, func.count()).where(*failed, *of_pool).group_by(instances.c.end_cause)
        with self._db.reading() as connection:
            return dict(connection.execute(query).tuples().all())

    def forget(self, before: datetime) -> int:
        """Delete the records of sessions that ended before a moment; how many there were."""
        over = (instances.c.state.in_(sorted(ENDED)), instances.c.state_since < before)
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(select(instances.c.id).where(*over).limit(1)).first() is None:
                return 0
        with self._db.writing() as connection:
            return connection.execute(delete(instances).where(*over)).rowcount

    def ended_among(self, ids: Collection[str]) -> set[str]:
        """Those of these sessions that are over."""
        return self._among(ids, instances.c.state.in_(sorted(ENDED)))

    def living_among(self, ids: Collection[str]) -> set[str]:
        """Those of these sessions that are on record and not over."""
        return self._among(ids, instances.c.state.not_in(sorted(ENDED)))

    def _among(self, ids: Collection[str], condition: ColumnElement[bool]) -> set[str]:
        if not ids:
            return set()
        with self._db.reading() as connection:
            return set(connection.scalars(select(instances.c.id).where(instances.c.id.in_(sorted(ids)), condition)))

    def take_turn(
        self,
        instance_id: str,
        host_name: str,
        passing: Collection[str],
        now: datetime,
        ports: Sequence[int] = SESSION_PORTS,
        gpus: int = 0,
    ) -> Instance | None:
        """Take room on an active host and move the instance from queued to starting, with a port of its own.

        Only when no session waits longer than this one, except *passing*. The host is locked before the queue is looked
        at. So one that gives room back on it and queues again is seen there, and its room is not taken past it.

        Args:
            instance_id: the instance.
            host_name: the host.
            passing: ids of those before it in the queue that the host is no use to.
            now: becomes ``state_since``.
            ports: of the host, for sessions; the free one is taken whose turn is next.
            gpus: that the host has; so many of the free ones are taken as the session needs.

        Returns:
            The instance, or None, with nothing changed, when it is another one's turn, or the host is not active or has
            too few free slots.

        Raises:
            RefusedMove: the instance is not queued.
            Refused: the host has slots, but none of its session ports, or too few GPUs, are free.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = _instance(connection, instance_id, lock=True)
            connection.execute(select(hosts.c.name).where(hosts.c.name == host_name).with_for_update())
            if has_others_before(connection, instance, passing):
                return None
            return _reserve(connection, instance, host_name, ports, gpus, now)

    def begin_to_run(
        self,
        instance_id: str,
        now: datetime,
        expires_at: datetime,
        moments: Mapping[Phase, datetime],
        restored_from: str = "",
    ) -> Instance:
        """Move a session that answers from starting to running; one that runs already is returned unchanged.

        Its host has shown in the same moment that it works: the host's errors before that no longer count.

        Args:
            instance_id: the instance.
            now: becomes ``state_since``.
            expires_at: when its time is over.
            moments: what it has come through.
            restored_from: id of the backup that it began with.

        Raises:
            RefusedMove: it is not starting.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = _instance(connection, instance_id, lock=True)
            if instance.state is InstanceState.RUNNING:
                return instance
            check_instance_move(instance_id, instance.state, InstanceState.RUNNING)
            forgive(connection, instance.get_placement().host)
            note_phases(connection, instance_id, moments)
            facts = {"state_since": now, "reason": "answers", "expires_at": expires_at, "restored_from": restored_from}
            return _write(connection, instance_id, state=InstanceState.RUNNING, **facts)

    def move(
        self,
        instance_id: str,
        to: InstanceState,
        now: datetime,
        reason: str = "",
        only_from: InstanceState | None = None,
        only_if_expired_by: datetime | None = None,
        cause: EndCause | None = None,
        **facts: object,
    ) -> Instance:
        """Move an instance to another state; one that is there already is returned unchanged.

        One that goes where no room is held gives its room back in the same transaction, and so exactly once.

        Args:
            instance_id: the instance.
            to: the state; starting is reached through :meth:`take_turn` alone.
            now: becomes ``state_since``.
            reason: why it is in its new state; replaces the old reason.
            only_from: the one state that it may come from now; None: any that its life cycle allows.
            only_if_expired_by: the moment by which its time must be over, also if it is extended just now; None: it may
                have time left.
            cause: why it ends; the first one that is given stays.
            facts: what is known from now on: ``expires_at``.

        Raises:
            RefusedMove: its life cycle does not allow this, it is not in the state that it may come from, or has time
                left.
            NotFound: no instance has this id.
        """
        check_facts(facts, FACTS_OF_A_MOVE)
        with self._db.writing() as connection:
            instance = _instance(connection, instance_id, lock=True)
            if instance.state is to:
                return instance
            check_instance_move(instance_id, instance.state, to)
            _check_as_planned(instance, only_from, only_if_expired_by)
            if to is InstanceState.STARTING:
                raise RefusedMove(f"instance {instance_id} cannot go to {to} without room on a host")
            left = give_room_back(connection, instance, now) if to not in HOLDING_ROOM else {}
            ends: dict[str, Any] = {"end_cause": (instance.end_cause or cause) if to in ENDING else None}
            ends |= {"token": ""} if to in ENDED else {}  # nothing asks for it any more
            return _write(connection, instance_id, state=to, state_since=now, reason=reason, **left, **ends, **facts)

    def extend(self, instance_id: str, seconds: int, now: datetime) -> Instance:
        """Let a running session go on for at least so many seconds from *now*; its platform and its history are told.

        Asked again it is given no second time on top of the first: a run that is repeated does no harm.

        Raises:
            Refused: it does not run.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = _instance(connection, instance_id, lock=True)
            if instance.state is not InstanceState.RUNNING or instance.expires_at is None:
                raise Refused(f"instance {instance_id} is {instance.state}: only a running session is extended")
            until = max(instance.expires_at, after(now, seconds))
            reason = f"extended to {until:%Y-%m-%d %H:%M} UTC"
            query = update(instances).where(instances.c.id == instance_id)
            row = connection.execute(query.values(expires_at=until, reason=reason).returning(instances)).one()
            note_instance_change(connection, as_instance(row), now)
            return as_instance(row)


def _unguessable() -> str:
    """160 random bits in 32 characters of a-z2-7: fit for a URL, a host name and a header."""
    return b32encode(secrets.token_bytes(20)).decode().lower()


def _instance(connection: Connection, instance_id: str, lock: bool = False) -> Instance:
    """Read an instance; locked, it stays as it was read until the transaction ends (SQLite has one writer anyway)."""
    query = select(instances).where(instances.c.id == instance_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no instance is named {instance_id}")
    return as_instance(row)


def _check_as_planned(instance: Instance, only_from: InstanceState | None, only_if_expired_by: datetime | None) -> None:
    """Refuse a move that was decided on by what the instance is no longer."""
    if only_from not in (None, instance.state):
        raise RefusedMove(f"instance {instance.id} is {instance.state}, no longer {only_from}")
    until = instance.expires_at
    if only_if_expired_by and (until is None or until > only_if_expired_by):
        goes_on = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "without an end"
        raise RefusedMove(f"instance {instance.id} goes on {goes_on}: it was extended")


def _is_known(connection: Connection, instance_id: str) -> bool:
    return connection.scalar(select(instances.c.id).where(instances.c.id == instance_id)) is not None


def _write(connection: Connection, instance_id: str, **values: object) -> Instance:
    row = connection.execute(
        update(instances).where(instances.c.id == instance_id).values(**values).returning(instances)
    )
    written = as_instance(row.one())
    note_instance_change(connection, written, written.state_since)
    return written


def _reserve(
    connection: Connection, instance: Instance, host_name: str, ports: Sequence[int], gpus: int, now: datetime
) -> Instance | None:
    check_instance_move(instance.id, instance.state, InstanceState.STARTING)
    if not take_room(connection, instance, host_name, now):
        return None
    place = {
        "host": host_name,
        "port": next_free_port(connection, host_name, ports),
        "gpu_ids": free_gpus(connection, instance, host_name, gpus),
    }
    note_room(connection, instance.id, now)
    return _write(connection, instance.id, state=InstanceState.STARTING, state_since=now, reason="", **place)
