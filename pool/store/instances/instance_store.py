"""The records of instances, and the room that they hold on hosts.

Order of locks, in every transaction: limits of sessions first, or the room of a pool with reserved slots, then the
instance, then its host, then a standby on it.
A request locks the hosts of the standbys that it may be given before it records its instance, which no other process
knows by then.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pool.courses.reserving import NOTHING_RESERVED, Reservations
from pool.errors import Refused, RefusedMove, TooManySessions
from pool.moments import after, minute
from pool.records import SESSION_PORTS, BlueprintSpec, Instance
from pool.sessions.limits import SessionLimit
from pool.sessions.requests import Wanted
from pool.sessions.timings import Phase
from pool.states import ENDED, HOLDING_ROOM, EndCause, InstanceState, check_instance_move
from pool.store.engine import insert_unless_there
from pool.store.history import note_instance_change
from pool.store.hosts.host_rows import forgive
from pool.store.instances.moving import InstanceMoving
from pool.store.instances.reading import InstanceReading
from pool.store.instances.reserving import leaves_reserved, lock_reserved
from pool.store.instances.room import check_limits, give_room_back, has_others_before, lock_limits
from pool.store.instances.rows import (
    as_instance,
    check_as_planned,
    find_instance,
    is_known,
    reserve,
    write_instance,
)
from pool.store.instances.standbys import adopt_one, lock_hosts_of
from pool.store.schema import hosts, instances
from pool.store.timings import begin_timings, note_phases

ENDING = ENDED | {InstanceState.STOPPING}
_NO_PLAIN_MOVE = {
    InstanceState.STARTING: "without room on a host",
    InstanceState.RUNNING: "without a time at which it is over",
    InstanceState.MOVING: "without room on another host",
}


class InstanceStore(InstanceReading, InstanceMoving):
    """Ask for, place, move and find instances."""

    def request(
        self,
        instance_id: str,
        blueprint: BlueprintSpec,
        user: str,
        options: dict[str, Any],
        now: datetime,
        limits: Sequence[SessionLimit] = (),
        accepted: datetime | None = None,
        standbys: Sequence[str] = (),
    ) -> tuple[Instance, bool]:
        """Record a new session as queued, with a fresh route and token; or find the one that has this id.

        Where there is a standby for it, it is starting in the same moment: with the standby's container, room and
        address. Not later: the address of a session that waits is told at once, and a standby has its own.

        Args:
            instance_id: of the session.
            blueprint: how it is made.
            user: who it is for.
            options: of the request.
            now: the moment of its request, as far as its place in the queue goes.
            limits: of the pool and the blueprint, for a new session.
            accepted: when Prefect's API took the request; None: it is not known.
            standbys: ids of those that it may have, best first.

        Returns:
            The instance, and True when this call made it.

        Raises:
            TooManySessions: it is a new one, and would be one more than a limit allows; nothing is recorded.
        """
        with self._db.writing() as connection:
            lock_limits(connection, limits)
            lock_hosts_of(connection, standbys)
            wanted = Wanted(instance_id, user)
            return self._record(connection, wanted, blueprint, options, now, limits, accepted, standbys)

    def request_all(
        self,
        wanted: Sequence[Wanted],
        blueprint: BlueprintSpec,
        options: dict[str, Any],
        now: datetime,
        limits_of: Callable[[str], Sequence[SessionLimit]],
        accepted: datetime | None = None,
        standbys: Sequence[str] = (),
    ) -> tuple[list[Instance], dict[str, str]]:
        """Record several sessions in one transaction, as :meth:`request` does each; in the queue they keep their order.

        Args:
            wanted: their ids and users.
            blueprint: how they are made.
            options: of the request, for each.
            now: the moment of their request.
            limits_of: the limits that a session of a user must keep.
            accepted: when Prefect's API took the request; None: it is not known.
            standbys: ids of those that they may have, best first.

        Returns:
            The instances, made now or known; and why others would be more than a limit allows, by their ids.
        """
        limits = {one.user: limits_of(one.user) for one in wanted}
        recorded: list[Instance] = []
        refused: dict[str, str] = {}
        with self._db.writing() as connection:
            lock_limits(connection, [limit for kept in limits.values() for limit in kept])
            lock_hosts_of(connection, standbys)
            for number, one in enumerate(wanted):
                at = now + timedelta(microseconds=number)
                try:
                    kept = limits[one.user]
                    session, _ = self._record(connection, one, blueprint, options, at, kept, accepted, standbys)
                except TooManySessions as error:
                    refused[one.instance_id] = str(error)
                else:
                    recorded.append(session)
        return recorded, refused

    def _record(
        self,
        connection: Connection,
        wanted: Wanted,
        blueprint: BlueprintSpec,
        options: dict[str, Any],
        now: datetime,
        limits: Sequence[SessionLimit],
        accepted: datetime | None,
        standbys: Sequence[str],
    ) -> tuple[Instance, bool]:
        if not is_known(connection, wanted.instance_id):
            check_limits(connection, limits)
        new = self._new(wanted, blueprint, options, now)
        insert = insert_unless_there(connection, instances, "id").values(new).returning(instances.c.id)
        made = connection.scalar(insert) is not None
        instance = find_instance(connection, wanted.instance_id)
        if made:
            note_instance_change(connection, instance, now)
            begin_timings(connection, instance.id, accepted, now)
            instance = adopt_one(connection, instance, standbys, now) or instance
        return instance, made

    def _new(self, wanted: Wanted, blueprint: BlueprintSpec, options: dict[str, Any], now: datetime) -> dict[str, Any]:
        return {
            "id": wanted.instance_id,
            "pool": blueprint.pool,
            "blueprint": blueprint.name,
            "user": wanted.user,
            "state": InstanceState.QUEUED,
            "slots": blueprint.slots,
            "gpus": blueprint.gpus,
            "route": self._db.secret(),
            "token": self._db.secret(),
            **dict.fromkeys(("created_at", "state_since"), now),
            "reason": "",
            **{name: getattr(blueprint, name) for name in ("idle_timeout", "start_timeout")},
            "options": options,
            **{name: asdict(getattr(blueprint, name)) for name in ("proxy", "keep")},
        }

    def forget(self, before: datetime) -> int:
        """Delete the records of sessions that ended before a moment; how many there were."""
        over = (instances.c.state.in_(sorted(ENDED)), instances.c.state_since < before)
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(select(instances.c.id).where(*over).limit(1)).first() is None:
                return 0
        with self._db.writing() as connection:
            return connection.execute(delete(instances).where(*over)).rowcount

    def take_turn(
        self,
        instance_id: str,
        host_name: str,
        passing: Collection[str],
        now: datetime,
        ports: Sequence[int] = SESSION_PORTS,
        gpus: int = 0,
        reservations: Reservations = NOTHING_RESERVED,
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
            reservations: of courses, at this moment; what they keep of the host's slots is not taken for others.

        Returns:
            The instance, or None, with nothing changed, when it is another one's turn, or the host is not active or has
            too few free slots that are not reserved for others.

        Raises:
            RefusedMove: the instance is not queued.
            Refused: the host has slots, but none of its session ports, or too few GPUs, are free.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            lock_reserved(connection, reservations)
            instance = find_instance(connection, instance_id, lock=True)
            connection.execute(select(hosts.c.name).where(hosts.c.name == host_name).with_for_update())
            if has_others_before(connection, instance, passing):
                return None
            if not leaves_reserved(connection, instance, host_name, reservations):
                return None
            return reserve(connection, instance, host_name, ports, gpus, now)

    def begin_to_run(
        self,
        instance_id: str,
        now: datetime,
        expires_at: datetime,
        moments: Mapping[Phase, datetime],
        restored_from: str = "",
    ) -> Instance:
        """Move a session that answers from starting to running; one that runs already is returned unchanged.

        Its host has shown in the same moment that it works: the host's errors before that no longer count. One that
        was moved keeps its time, and the phases of its first start.

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
            instance = find_instance(connection, instance_id, lock=True)
            if instance.state is InstanceState.RUNNING:
                return instance
            check_instance_move(instance_id, instance.state, InstanceState.RUNNING)
            forgive(connection, instance.get_placement().host)
            facts = {"state_since": now, "reason": "answers", "carried": "", "restored_from": restored_from}
            if instance.carried:
                return write_instance(connection, instance_id, state=InstanceState.RUNNING, **facts)
            note_phases(connection, instance_id, moments)
            facts["expires_at"] = expires_at
            return write_instance(connection, instance_id, state=InstanceState.RUNNING, **facts)

    def move(
        self,
        instance_id: str,
        to: InstanceState,
        now: datetime,
        reason: str = "",
        only_from: InstanceState | None = None,
        only_if_expired_by: datetime | None = None,
        cause: EndCause | None = None,
    ) -> Instance:
        """Move an instance to another state; one that is there already is returned unchanged.

        One that goes where no room is held gives its room back in the same transaction, and so exactly once.

        Args:
            instance_id: the instance.
            to: the state; starting is reached through :meth:`take_turn` alone, running through :meth:`begin_to_run`.
            now: becomes ``state_since``.
            reason: why it is in its new state; replaces the old reason.
            only_from: the one state that it may come from now; None: any that its life cycle allows.
            only_if_expired_by: the moment by which its time must be over, also if it is extended just now; None: it may
                have time left.
            cause: why it ends; the first one that is given stays.

        Raises:
            RefusedMove: its life cycle does not allow this, it is not in the state that it may come from, or has time
                left.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = find_instance(connection, instance_id, lock=True)
            if instance.state is to:
                return instance
            check_instance_move(instance_id, instance.state, to)
            check_as_planned(instance, only_from, only_if_expired_by)
            if refusal := _NO_PLAIN_MOVE.get(to):
                raise RefusedMove(f"instance {instance_id} cannot go to {to} {refusal}")
            if instance.state is InstanceState.MOVING and to is InstanceState.QUEUED:
                raise RefusedMove(f"instance {instance_id} cannot go to {to} without a backup that it takes along")
            left = give_room_back(connection, instance, now) if to not in HOLDING_ROOM else {}
            ends: dict[str, Any] = {"end_cause": (instance.end_cause or cause) if to in ENDING else None}
            ends |= {"token": ""} if to in ENDED else {}  # nothing asks for it any more
            return write_instance(connection, instance_id, state=to, state_since=now, reason=reason, **left, **ends)

    def extend(self, instance_id: str, seconds: int, now: datetime) -> Instance:
        """Let a running session go on for at least so many seconds from *now*; its platform and its history are told.

        Asked again it is given no second time on top of the first: a run that is repeated does no harm.

        Raises:
            Refused: it does not run.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = find_instance(connection, instance_id, lock=True)
            if instance.state is not InstanceState.RUNNING or instance.expires_at is None:
                raise Refused(f"instance {instance_id} is {instance.state}: only a running session is extended")
            until = max(instance.expires_at, after(now, seconds))
            reason = f"extended to {minute(until)}"
            query = update(instances).where(instances.c.id == instance_id)
            row = connection.execute(query.values(expires_at=until, reason=reason).returning(instances)).one()
            note_instance_change(connection, as_instance(row), now)
            return as_instance(row)
