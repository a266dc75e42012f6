"""Record sessions that are requested: each once, with its route and token, and with a standby where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from pool.errors import TooManySessions
from pool.records import BlueprintSpec, Instance
from pool.sessions.limits import SessionLimit
from pool.sessions.requests import Wanted
from pool.states import InstanceState
from pool.store.backups import stored_kept_work
from pool.store.engine import Part, insert_unless_there
from pool.store.history import note_instance_change
from pool.store.instances.room import check_limits, lock_limits
from pool.store.instances.rows import get_instance, is_known
from pool.store.instances.standbys import adopt_one, lock_hosts_of
from pool.store.schema import instances
from pool.store.timings import begin_timings


class InstanceRequesting(Part):
    """Ask for one session, or for several in one transaction."""

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
            accepted: when Prefect's API took the request, where no session says that of itself; None: it is not known.
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
        instance = get_instance(connection, wanted.instance_id)
        if made:
            note_instance_change(connection, instance, now)
            begin_timings(connection, instance.id, wanted.accepted or accepted, now)
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
            **{name: getattr(blueprint, name) for name in ("idle_timeout", "start_timeout", "extend_by", "extensions")},
            "options": options,
            "proxy": asdict(blueprint.proxy),
            "keep": stored_kept_work(blueprint.keep),
        }
