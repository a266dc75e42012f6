"""Room that is kept for courses, looked at inside the transaction that takes room, by the rules' own rule."""

from sqlalchemy import Connection, func, select

from pool.courses.reserving import Reservations
from pool.records import Instance
from pool.states import HOLDING_ROOM, HostState
from pool.store.hosts.host_rows import as_host
from pool.store.instances.room import lock_key
from pool.store.instances.rows import as_instance
from pool.store.schema import hosts, instances


def lock_reserved(connection: Connection, reservations: Reservations) -> None:
    """Have others that take room of the same pool wait for the transaction's end, where some is reserved.

    To be called before anything is read or written: what is counted after it is what the others left. SQLite has one
    writer anyway.
    """
    if reservations.all and connection.dialect.name == "postgresql":
        pool = reservations.all[0].course.pool
        connection.execute(select(func.pg_advisory_xact_lock(lock_key(f"room of {pool}"))))


def leaves_reserved(
    connection: Connection, instance: Instance, host_name: str, reservations: Reservations, for_its_own: bool = True
) -> bool:
    """Whether room on a host may be taken for a session: what is kept there for courses stays.

    Args:
        connection: of the caller's transaction.
        instance: the session.
        host_name: the host.
        reservations: of courses, at this moment.
        for_its_own: whether it may take what is kept for its own course.
    """
    if not reservations.all:
        return True
    of_pool = (hosts.c.pool == instance.pool, hosts.c.state == HostState.ACTIVE)
    there = [as_host(row) for row in connection.execute(select(hosts).where(*of_pool)).all()]
    blueprints = sorted({one.course.blueprint for one in reservations.all})
    theirs = (instances.c.pool == instance.pool, instances.c.blueprint.in_(blueprints))
    holding = select(instances).where(*theirs, instances.c.state.in_(sorted(HOLDING_ROOM)))
    sessions = [as_instance(row) for row in connection.execute(holding).all()]
    return reservations.allow(instance, host_name, there, sessions, for_its_own)
