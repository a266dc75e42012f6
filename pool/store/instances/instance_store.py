"""The records of instances, and the room that they hold on hosts.

Order of locks, in every transaction: limits of sessions first, or the room of a pool with reserved slots, then the
instance, then its host, then a standby on it.
A request locks the hosts of the standbys that it may be given before it records its instance, which no other process
knows by then.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pool.courses.reserving import NOTHING_RESERVED, Reservations
from pool.errors import Refused, RefusedMove
from pool.moments import after, minute
from pool.open_pages.extending import extended_to
from pool.records import SESSION_PORTS, Instance
from pool.sessions.timings import Phase
from pool.states import ENDED, HOLDING_ROOM, EndCause, InstanceState, check_instance_move
from pool.store.history import note_instance_change
from pool.store.hosts.host_rows import forgive
from pool.store.instances.moving import InstanceMoving
from pool.store.instances.reading import InstanceReading
from pool.store.instances.requesting import InstanceRequesting
from pool.store.instances.reserving import leaves_reserved, lock_reserved
from pool.store.instances.room import give_room_back, has_others_before
from pool.store.instances.rows import as_instance, check_as_planned, get_instance, reserve, write_instance
from pool.store.instances.tokens import InstanceTokens
from pool.store.schema import hosts, instances
from pool.store.timings import note_phases

ENDING = ENDED | {InstanceState.STOPPING}
_NO_PLAIN_MOVE = {
    InstanceState.STARTING: "without room on a host",
    InstanceState.RUNNING: "without a time at which it is over",
    InstanceState.MOVING: "without room on another host",
}


class InstanceStore(InstanceRequesting, InstanceReading, InstanceMoving, InstanceTokens):
    """Ask for, place, move and find instances."""

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
            instance = get_instance(connection, instance_id, lock=True)
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
            instance = get_instance(connection, instance_id, lock=True)
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
            instance = get_instance(connection, instance_id, lock=True)
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
            instance = get_instance(connection, instance_id, lock=True)
            if instance.state is not InstanceState.RUNNING or instance.expires_at is None:
                raise Refused(f"instance {instance_id} is {instance.state}: only a running session is extended")
            until = max(instance.expires_at, after(now, seconds))
            return _write_end(connection, instance_id, now, until, f"extended to {minute(until)}")

    def extend_for_user(self, instance_id: str, asked_at: datetime, now: datetime) -> Instance | None:
        """Extend a running session as its user requested in its open page, where its blueprint allows it.

        The end is counted from the moment of the request, so that the same request, read again, changes nothing and
        uses up no second extension.

        Returns:
            The session as it is then; None: it may not be extended, or was by this request.

        Raises:
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = get_instance(connection, instance_id, lock=True)
            until = extended_to(instance, min(asked_at, now))
            if until is None:
                return None
            reason = f"extended to {minute(until)} by its user"
            return _write_end(connection, instance_id, now, until, reason, extensions=instance.extensions - 1)


def _write_end(
    connection: Connection, instance_id: str, now: datetime, until: datetime, reason: str, **more: int
) -> Instance:
    query = update(instances).where(instances.c.id == instance_id).values(expires_at=until, reason=reason, **more)
    extended = as_instance(connection.execute(query.returning(instances)).one())
    note_instance_change(connection, extended, now)
    return extended
