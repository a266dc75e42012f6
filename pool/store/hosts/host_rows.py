"""Rows of ``hosts``: how they are read, inserted and moved, inside a transaction of the caller's."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, func, select, update

from pool.errors import NotFound, Refused, RefusedMove
from pool.hosts.counting import UNDYING_AFTER, without_undying
from pool.hosts.reach import PROBED, REACHABLE, UNREACHABLE, dead_words
from pool.printable import how_many
from pool.records import Host
from pool.states import LIVING_HOSTS, HostState, check_host_move, states_that_may_become
from pool.store.engine import insert_unless_there
from pool.store.history import note_host_change, note_reach_change
from pool.store.schema import hosts

_FIELDS = [field.name for field in fields(Host)]


def as_host(row: Row[Any]) -> Host:
    """The record that a row of ``hosts`` stands for."""
    found = row._mapping  # made anew each time that it is asked for
    return Host(**{name: found[name] for name in _FIELDS})


def get_host(connection: Connection, name: str) -> Host:
    """The host of this name, inside a transaction.

    Raises:
        NotFound: "no host is named main-07; known: main-01, main-02".
    """
    row = connection.execute(select(hosts).where(hosts.c.name == name)).one_or_none()
    if row is None:
        known = connection.scalars(
            select(hosts.c.name).where(hosts.c.state.in_(sorted(LIVING_HOSTS))).order_by(hosts.c.pool, hosts.c.number)
        )
        raise NotFound(f"no host is named {name}; known: {', '.join(known) or 'none'}")
    return as_host(row)


def forgive(connection: Connection, name: str) -> None:
    """Count a host's errors no longer: something worked there."""
    connection.execute(update(hosts).where(hosts.c.name == name, hosts.c.errors > 0).values(errors=0))


def host_of_run(connection: Connection, spawned_by: str) -> Row[Any] | None:
    """Find the row of the host that a flow run spawned, if it did."""
    return connection.execute(select(hosts).where(hosts.c.spawned_by == spawned_by)).one_or_none()


def insert_next(connection: Connection, new: dict[str, Any], max_hosts: int, now: datetime) -> Row[Any] | None:
    """Insert the next host, or nothing when its number, or its flow run, was taken meanwhile.

    The count and the number come from one SELECT: a claim that is admitted on an old count also has an old number,
    and the unique number refuses it.
    """
    living = func.count().filter(hosts.c.state.in_(sorted(LIVING_HOSTS)))
    undying = func.count().filter(hosts.c.state == HostState.REMOVING, hosts.c.state_since < now - UNDYING_AFTER)
    seen = select(living, undying, func.coalesce(func.max(hosts.c.number), 0)).where(hosts.c.pool == new["pool"])
    there, past_dying, last = connection.execute(seen).one()
    count = without_undying(there, past_dying, max_hosts)
    if count >= max_hosts:
        raise Refused(f"pool {new['pool']} already has {count} of {how_many(max_hosts, 'host')}")
    row = new | {
        "name": f"{new['pool']}-{last + 1:02d}",
        "number": last + 1,
        "state": HostState.SPAWNING,
        "reserved": 0,
        "created_at": now,
        "state_since": now,
        "errors": 0,
        "last_error": "",
    }
    made = connection.execute(insert_unless_there(connection, hosts).values(row).returning(hosts)).one_or_none()
    if made is not None:
        note_host_change(connection, as_host(made), now)
    return made


def move_statement(name: str, to: HostState, now: datetime, reason: str, facts: dict[str, Any]) -> Update:
    """Build the guarded write that moves a host: it matches no row where the life cycle does not allow the move."""
    allowed = update(hosts).where(hosts.c.name == name, hosts.c.state.in_(sorted(states_that_may_become(to))))
    if to in (HostState.REMOVING, HostState.REMOVED):
        allowed = allowed.where(hosts.c.reserved == 0)  # a session that is still there has a route and a user
    if to is HostState.CONFIGURING:
        facts = {"answered_at": now} | facts
    if to is HostState.ACTIVE:
        allowed = allowed.where(hosts.c.state != HostState.DRAINING)
        facts = {"active_at": func.coalesce(hosts.c.active_at, now), "errors": 0} | facts
    if to is HostState.FAILED:
        facts = {"last_error": reason, "last_error_at": now} | facts
    return allowed.values(state=to, state_since=now, reason=reason, **facts).returning(hosts)


def refuse_move(host: Host, to: HostState) -> None:
    """Raise why the host was not moved; return where nothing speaks against it, as it is now.

    Raises:
        RefusedMove: its life cycle does not allow this, or sessions still hold room on a host to be removed.
    """
    check_host_move(host.name, host.state, to)
    if (host.state, to) == (HostState.DRAINING, HostState.ACTIVE):
        raise RefusedMove(f"host {host.name} drains ({host.reason}): return-host alone brings it back")
    if to is HostState.REMOVING and host.reserved:
        raise RefusedMove(
            f"host {host.name} cannot go from {host.state} to {to}: sessions still hold {host.reserved} of its slots"
        )


def service_refusal(host: Host, to: HostState) -> RefusedMove:
    """Build the refusal to drain a host or to return it to service."""
    if to is HostState.ACTIVE and host.state is not HostState.DRAINING:
        return RefusedMove(f"host {host.name} is {host.state}: only a draining host is returned to service")
    if to is HostState.ACTIVE:
        return RefusedMove(f"host {host.name} was never configured to its end: it cannot take sessions")
    return RefusedMove(f"host {host.name} cannot go from {host.state} to {to}")


def mark_reached(connection: Connection, names: Collection[str], now: datetime) -> None:
    """Note that hosts answer; of those that were out of reach it is a line of their history."""
    silent = (hosts.c.name.in_(sorted(names)), hosts.c.unreachable_since.is_not(None))
    back = connection.execute(update(hosts).where(*silent).values(unreachable_since=None).returning(hosts))
    for host in map(as_host, back.all()):
        note_reach_change(connection, host, REACHABLE, "its engine answers again", now)


def mark_silent(connection: Connection, name: str, words: str, now: datetime, grace: float) -> None:
    """Note that a host does not answer; that it went out of reach is a line of its history, unless it goes anyway."""
    values = {"last_error": words, "last_error_at": now}
    first = (hosts.c.name == name, hosts.c.unreachable_since.is_(None))
    silent = update(hosts).where(*first).values(unreachable_since=now, **values).returning(hosts)
    row = connection.execute(silent).one_or_none()
    if row is None:
        connection.execute(update(hosts).where(hosts.c.name == name).values(**values))
    elif as_host(row).state in PROBED:
        note_reach_change(connection, as_host(row), UNREACHABLE, f"{words}; {dead_words(now, grace)}", now)
