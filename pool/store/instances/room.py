"""What sessions take, inside a transaction of the caller's: room and a port on a host, and their share of a limit."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, case, func, literal, select, union_all, update

from pool.errors import Refused
from pool.records import Instance
from pool.sessions.limits import COUNTED, SessionLimit
from pool.states import HostState, InstanceState
from pool.store.schema import hosts, instances, standbys

#: How the row of a session changes that is not on its way to another host any more.
NO_TARGET: dict[str, Any] = {"to_host": None, "to_port": None, "to_gpu_ids": None}


def lock_limits(connection: Connection, limits: Sequence[SessionLimit]) -> None:
    """Have others that count the same sessions wait for the transaction's end; SQLite has one writer anyway.

    To be called before anything is read or written: what is counted after it is what the others left.
    """
    if connection.dialect.name == "postgresql":
        for scope in sorted({limit.scope for limit in limits}):  # in one order, so that no two wait for each other
            connection.execute(select(func.pg_advisory_xact_lock(lock_key(f"sessions of {scope}"))))


def lock_key(name: str) -> int:
    """Return the number by which PostgreSQL knows a lock of this name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def check_limits(connection: Connection, limits: Sequence[SessionLimit]) -> None:
    """Refuse a session that would be one too many. The limits are locked already.

    Raises:
        TooManySessions: the first limit that is reached, and what to do.
    """
    for limit in limits:
        limit.check(_counted(connection, limit))


def _counted(connection: Connection, limit: SessionLimit) -> Sequence[str]:
    query = select(instances.c.id).where(instances.c.state.in_(sorted(COUNTED)))
    for name in ("pool", "blueprint", "user"):
        if (value := getattr(limit, name)) is not None:
            query = query.where(instances.c[name] == value)
    return connection.scalars(query.order_by(instances.c.created_at, instances.c.id)).all()


#: What a host has to be for something new to begin on it.
SERVING: tuple[ColumnElement[bool], ...] = (
    hosts.c.state == HostState.ACTIVE,
    hosts.c.unreachable_since.is_(None),
    hosts.c.disk_low_since.is_(None),
)


def take_room(connection: Connection, instance: Instance, host_name: str, now: datetime) -> bool:
    """Take room for a session; whether there was enough. The host is in use from then on."""
    taken = {"reserved": hosts.c.reserved + instance.slots} | in_use(now)
    return _take(connection, host_name, instance.pool, instance.slots, taken)


def take_room_for_standby(connection: Connection, host_name: str, pool: str, slots: int) -> bool:
    """Take room for a standby; whether there was enough. For a session it stays free, and the host unused."""
    return _take(connection, host_name, pool, slots, {"standby": hosts.c.standby + slots})


def _take(connection: Connection, host_name: str, pool: str, slots: int, taken: dict[str, Any]) -> bool:
    """The one write that room is taken by: its guard and its change cannot be told apart by any other process."""
    enough = hosts.c.reserved + hosts.c.standby + slots <= hosts.c.slots
    guard = (hosts.c.name == host_name, hosts.c.pool == pool, *SERVING, enough)
    return connection.execute(update(hosts).where(*guard).values(**taken)).rowcount == 1


def in_use(now: datetime) -> dict[str, Any]:
    """What a host's row has from the moment on that a session is on it."""
    return {"first_used_at": func.coalesce(hosts.c.first_used_at, now), "idle_since": None}


def next_free_port(connection: Connection, host_name: str, ports: Sequence[int]) -> int:
    """Take the ports in turn. Called with the host's row locked by :func:`take_room`, so that no two choose at once.

    A port that came free is the last to be taken again, also by the next host at the address. Whatever still leads
    there (a connection that a browser keeps, a route of a gateway that the manager does not reach) then meets no other
    user's session. In turn rather than after some minutes: it needs no clock, and with a thousand ports for two dozen
    sessions a turn takes hundreds of sessions.
    """
    taken = set(connection.scalars(_held(host_name, "port")))
    host = connection.execute(select(hosts.c.last_port, hosts.c.address).where(hosts.c.name == host_name)).one()
    last = host.last_port or _last_port_at(connection, host.address)
    in_turn = sorted(ports, key=lambda port: (port <= last, port))
    port = next((port for port in in_turn if port not in taken), None)
    if port is None:
        raise Refused(f"host {host_name} has no free session port in {ports[0]} to {ports[-1]}")
    connection.execute(update(hosts).where(hosts.c.name == host_name).values(last_port=port))
    return port


def _last_port_at(connection: Connection, address: str | None) -> int:
    """Return the port that was taken last on the host that had this address before; 0: none had it."""
    known = (hosts.c.address == address, hosts.c.last_port.is_not(None))
    newest = select(hosts.c.last_port).where(*known).order_by(hosts.c.created_at.desc(), hosts.c.number.desc())
    return (connection.scalar(newest.limit(1)) if address else None) or 0


def free_gpus(connection: Connection, needs: int, of: str, host_name: str, gpus: int) -> list[int] | None:
    """Choose GPUs of the host that no other session has; None for one that needs none. Called as the port is.

    Args:
        connection: of the caller's transaction.
        needs: how many are wanted.
        of: what wants them, as in "instance alice-1".
        host_name: the host.
        gpus: how many it has.

    Raises:
        Refused: it needs more than are free.
    """
    if not needs:
        return None
    taken = {gpu for ids in connection.scalars(_held(host_name, "gpu_ids")) for gpu in ids or ()}
    free = [gpu for gpu in range(gpus) if gpu not in taken]
    if len(free) < needs:
        raise Refused(f"host {host_name} has {len(free)} of {gpus} GPUs free; {of} needs {needs}")
    return free[:needs]


def reserved_place(
    connection: Connection, instance: Instance, host_name: str, ports: Sequence[int], gpus: int
) -> dict[str, Any]:
    """Choose what a session has on a host that it has just taken room on, by the columns of a row.

    Raises:
        Refused: no session port, or too few GPUs, are free.
    """
    return {
        "host": host_name,
        "port": next_free_port(connection, host_name, ports),
        "gpu_ids": free_gpus(connection, instance.gpus, f"instance {instance.id}", host_name, gpus),
    }


def _held(host_name: str, column: str) -> CompoundSelect[Any]:
    """What sessions and standbys hold on a host, of one column; what is reserved for sessions on their way as well."""
    here = [select(table.c[column]).where(table.c.host == host_name) for table in (instances, standbys)]
    coming = select(instances.c[f"to_{column}"]).where(instances.c.to_host == host_name)
    return union_all(*here, coming)


def give_room_back(connection: Connection, instance: Instance, now: datetime) -> dict[str, Any]:
    """Free what the instance holds, if it holds any, here and where it goes; return how its own row changes by that."""
    if instance.host is None:
        return {}
    for host in sorted({instance.host, instance.target.host if instance.target else instance.host}):
        leave_host(connection, host, instance.slots, now)
    return {"host": None, "port": None, "gpu_ids": None, "last_host": instance.host} | NO_TARGET


def leave_host(connection: Connection, host_name: str, slots: int, now: datetime) -> None:
    """Give the room of a session on one host back."""
    last_to_leave = case((hosts.c.reserved == slots, literal(now, hosts.c.idle_since.type)))
    left = {"reserved": hosts.c.reserved - slots, "idle_since": last_to_leave}
    connection.execute(update(hosts).where(hosts.c.name == host_name).values(**left))


def has_others_before(connection: Connection, instance: Instance, passing: Collection[str]) -> bool:
    """Whether a session waits longer than this one, other than those that it may pass."""
    at, name = instances.c.created_at, instances.c.id
    before = (at < instance.created_at) | ((at == instance.created_at) & (name < instance.id))
    waiting = (instances.c.pool == instance.pool, instances.c.state == InstanceState.QUEUED)
    others = select(name).where(*waiting, before, name.not_in(sorted(passing))).limit(1)
    return connection.scalar(others) is not None
