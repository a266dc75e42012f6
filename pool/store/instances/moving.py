"""Sessions on their way to another host: each step is one guarded write."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update

from pool.courses.reserving import NOTHING_RESERVED, Reservations
from pool.errors import RefusedMove
from pool.records import SESSION_PORTS, Instance
from pool.states import InstanceState, check_instance_move
from pool.store.engine import Part
from pool.store.instances.reserving import leaves_reserved, lock_reserved
from pool.store.instances.room import NO_TARGET, SERVING, give_room_back, leave_host, reserved_place, take_room
from pool.store.instances.rows import as_instance, get_instance, write_instance
from pool.store.schema import hosts, instances


class InstanceMoving(Part):
    """Reserve room elsewhere, note what goes along, give up the old place for the new one, or stay."""

    def set_out(
        self,
        instance_id: str,
        host_name: str,
        run: str,
        reason: str,
        now: datetime,
        ports: Sequence[int] = SESSION_PORTS,
        gpus: int = 0,
        reservations: Reservations = NOTHING_RESERVED,
    ) -> Instance | None:
        """Reserve room on another active host for a running session, and move the session to moving.

        Both rooms are its own from now on: that where it is, and that where it goes.

        Args:
            instance_id: the session.
            host_name: where it goes.
            run: id of the flow run that moves it.
            reason: of the move.
            now: becomes ``state_since``.
            ports: of the host, for sessions.
            gpus: that the host has.
            reservations: of courses, at this moment; none of what they keep is taken, not even for a session of theirs.

        Returns:
            The session, or None, with nothing changed, when the host is not active or has too few free slots that are
            not reserved.

        Raises:
            RefusedMove: it does not run, or it is there already.
            Refused: the host has slots, but none of its session ports, or too few GPUs, are free.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            lock_reserved(connection, reservations)
            instance = get_instance(connection, instance_id, lock=True)
            check_instance_move(instance_id, instance.state, InstanceState.MOVING)
            if instance.host == host_name:
                raise RefusedMove(f"instance {instance_id} is on host {host_name} already")
            if not leaves_reserved(connection, instance, host_name, reservations, for_its_own=False):
                return None
            if not take_room(connection, instance, host_name, now):
                return None
            place = reserved_place(connection, instance, host_name, ports, gpus)
            target = {f"to_{name}": value for name, value in place.items()}
            facts = {"state": InstanceState.MOVING, "state_since": now, "reason": reason, "moved_by": run}
            return write_instance(connection, instance_id, **facts, **target)

    def note_carried(self, instance_id: str, backup_id: str) -> Instance:
        """All of a moving session's work is in this backup: its container where it was is needed no more.

        Raises:
            RefusedMove: it is ended meanwhile, or went on.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            _check_moving(get_instance(connection, instance_id, lock=True))
            change = update(instances).where(instances.c.id == instance_id).values(carried=backup_id)
            return as_instance(connection.execute(change.returning(instances)).one())

    def hand_over(self, instance_id: str, now: datetime) -> Instance:
        """Give up the room where a moving session was; it is starting where room is reserved for it.

        Where that host serves no more, it is queued: it waits for room on any, in the place of its request. Its
        container must be gone by now. Repeating it is harmless.

        Raises:
            RefusedMove: it is ended meanwhile, or went on; or its work is in no backup yet.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = get_instance(connection, instance_id, lock=True)
            if instance.carried and instance.state in (InstanceState.STARTING, InstanceState.QUEUED):
                return instance
            _check_moving(instance)
            if not instance.carried:
                raise RefusedMove(f"instance {instance_id} cannot leave its host: its work is in no backup yet")
            return _handed_over(connection, instance, now)

    def stay(self, instance_id: str, reason: str, now: datetime) -> Instance:
        """Move a moving session back to running, where it was; the room elsewhere is given back.

        Its program must run again. One that goes on already is returned unchanged.

        Raises:
            RefusedMove: it is ended meanwhile; or its work is in a backup that counts, and it goes.
            NotFound: no instance has this id.
        """
        with self._db.writing() as connection:
            instance = get_instance(connection, instance_id, lock=True)
            if instance.state is InstanceState.RUNNING:
                return instance
            _check_moving(instance)
            if instance.carried:
                raise RefusedMove(f"instance {instance_id} cannot stay: backup {instance.carried} has its work")
            if instance.target:
                leave_host(connection, instance.target.host, instance.slots, now)
            facts = {"state": InstanceState.RUNNING, "state_since": now, "reason": reason, "moved_by": ""}
            return write_instance(connection, instance_id, **facts, **NO_TARGET)


def _check_moving(instance: Instance) -> None:
    if instance.state is not InstanceState.MOVING:
        raise RefusedMove(f"instance {instance.id} is {instance.state}, no longer moving")


def _handed_over(connection: Connection, instance: Instance, now: datetime) -> Instance:
    target = instance.target
    serves = select(hosts.c.name).where(hosts.c.name == (target and target.host), *SERVING)
    facts = {"state_since": now, "standby": "", "last_host": instance.host}
    if target is None or connection.scalar(serves) is None:
        left = give_room_back(connection, instance, now)
        return write_instance(connection, instance.id, state=InstanceState.QUEUED, **facts | left)
    leave_host(connection, instance.get_placement().host, instance.slots, now)
    place = {"host": target.host, "port": target.port, "gpu_ids": list(target.gpus) or None} | NO_TARGET
    return write_instance(connection, instance.id, state=InstanceState.STARTING, **facts | place)
