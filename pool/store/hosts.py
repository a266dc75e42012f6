"""The records of hosts."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, Update, and_, delete, func, not_, select, update

from pool.errors import DockerDriverError, NotFound, Refused, RefusedMove
from pool.records import FlavorSize, Host
from pool.states import LIVING_HOSTS, HostState, check_host_move, states_that_may_become
from pool.store.changes import note_host_change
from pool.store.engine import Database, check_facts, insert_unless_there
from pool.store.schema import host_images, hosts

FACTS_OF_A_MOVE = frozenset({"server_id", "address", "host_key", "fault"})
FACTS = frozenset({"server_id", "address", "host_key", "reason"})
#: A server that comes to light later than this after its host was removed is one without a record.
REMEMBERED = timedelta(days=7)
TRIES = 10  # of a move of a host that others change meanwhile
_FIELDS = [field.name for field in fields(Host)]


def as_host(row: Row) -> Host:
    """The record that a row of ``hosts`` stands for."""
    found = row._mapping  # made anew each time that it is asked for
    return Host(**{name: found[name] for name in _FIELDS})


class HostStore(Database):
    """Claim, find and move hosts."""

    def claim_host(
        self,
        pool: str,
        flavor: FlavorSize,
        slots: int,
        spawned_by: str,
        max_hosts: int,
        now: datetime,
        reason: str = "",
    ) -> Host:
        """Record the pool's next host, ``<pool>-<number>``, as spawning, before anything of it exists outside.

        A flow run that asks again gets its own host back, whatever became of it.

        Raises:
            Refused: "pool main already has 4 of 4 hosts".
        """
        new = {"pool": pool, "flavor": flavor, "slots": slots, "spawned_by": spawned_by, "reason": reason}
        while True:
            with self._writing() as connection:
                claimed = _host_of_run(connection, spawned_by) or _insert_next(connection, new, max_hosts, now)
            if claimed is not None:
                return as_host(claimed)
            # Another claimer took the number after we had counted, so that our count was old: count again.

    def host(self, name: str) -> Host:
        """The host of this name.

        Raises:
            NotFound: "no host is named main-07; known: main-01, main-02".
        """
        with self._reading() as connection:
            return find_host(connection, name)

    def hosts(self, pool: str | None = None, states: Iterable[HostState] | None = None) -> list[Host]:
        """The hosts of one pool (None: all) in some states (None: any), by name."""
        query = select(hosts).order_by(hosts.c.pool, hosts.c.number)
        if pool is not None:
            query = query.where(hosts.c.pool == pool)
        if states is not None:
            query = query.where(hosts.c.state.in_(sorted(states)))
        with self._reading() as connection:
            return [as_host(row) for row in connection.execute(query).all()]

    def pools(self) -> list[str]:
        """Names of the pools that have, or had, hosts."""
        with self._reading() as connection:
            return [*connection.scalars(select(hosts.c.pool).distinct().order_by(hosts.c.pool))]

    def recent_hosts(self, pool: str, now: datetime) -> list[Host]:
        """The pool's hosts that are not removed, or were so within ``REMEMBERED``, or gave a fault; by name.

        What a tick looks at: a year of removed hosts would make each of them slower than the one before.
        """
        removed_long_ago = (hosts.c.state == HostState.REMOVED, hosts.c.state_since < now - REMEMBERED)
        counts = not_(and_(*removed_long_ago)) | hosts.c.fault.is_not(None)
        query = select(hosts).where(hosts.c.pool == pool, counts).order_by(hosts.c.number)
        with self._reading() as connection:
            return [as_host(row) for row in connection.execute(query).all()]

    def move_host(self, name: str, to: HostState, now: datetime, reason: str = "", **facts: object) -> Host:
        """Move a host to another state by one guarded write; a host that is there already is returned unchanged.

        Active also means: no errors counted. Removed also means: no images on it. A draining host becomes active by
        :meth:`return_host` alone: whoever was configuring it meanwhile does not bring it back.

        Args:
            name: the host.
            to: the state.
            now: becomes ``state_since``.
            reason: why it is in its new state; replaces the old reason.
            facts: what is known from now on: ``server_id``, ``address``, ``host_key``, ``fault`` of one that
                fails.

        Raises:
            RefusedMove: its life cycle does not allow this, or sessions still hold room on a host to be removed.
            NotFound: no host has this name.
            DockerDriverError: the host changed under each of ``TRIES`` tries.
        """
        check_facts(facts, FACTS_OF_A_MOVE)
        for _ in range(TRIES):
            with self._writing() as connection:
                host = _moved(connection, name, to, now, reason, facts) or find_host(connection, name)
            if host.state is to:
                return host
            _check_move(host, to)  # allowed now: it came free between the write and the look, so try again
        raise DockerDriverError(f"host {name} changed under each of {TRIES} tries to move it to {to}")

    def note_host(self, name: str, **facts: object) -> Host:
        """Write down what became known of a host: ``server_id``, ``address``, ``host_key``, ``reason``.

        Raises:
            NotFound: no host has this name.
        """
        check_facts(facts, FACTS)
        with self._writing() as connection:
            if facts:
                connection.execute(update(hosts).where(hosts.c.name == name).values(**facts))
            return find_host(connection, name)

    def count_host_error(self, name: str, reason: str, now: datetime) -> int:
        """Count one more error in a row and keep what it was; return how many that makes.

        Raises:
            NotFound: no host has this name.
        """
        more = {"errors": hosts.c.errors + 1, "last_error": reason, "last_error_at": now}
        with self._writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name).values(**more))
            return find_host(connection, name).errors

    def clear_host_errors(self, name: str) -> None:
        """A success: the errors before it no longer count. What the last one was stays readable."""
        with self._writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name, hosts.c.errors > 0).values(errors=0))


def find_host(connection: Connection, name: str) -> Host:
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


def _host_of_run(connection: Connection, spawned_by: str) -> Row | None:
    return connection.execute(select(hosts).where(hosts.c.spawned_by == spawned_by)).one_or_none()


def _insert_next(connection: Connection, new: dict, max_hosts: int, now: datetime) -> Row | None:
    """Insert the next host, or nothing when its number, or its flow run, was taken meanwhile.

    The count and the number come from one SELECT: whoever is admitted on an old count also has an old number, and the
    unique number refuses it.
    """
    living = func.count().filter(hosts.c.state.in_(sorted(LIVING_HOSTS)))
    seen = select(living, func.coalesce(func.max(hosts.c.number), 0)).where(hosts.c.pool == new["pool"])
    count, last = connection.execute(seen).one()
    if count >= max_hosts:
        raise Refused(f"pool {new['pool']} already has {count} of {max_hosts} hosts")
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


def _moved(connection: Connection, name: str, to: HostState, now: datetime, reason: str, facts: dict) -> Host | None:
    """The host after the move; None when the guarded write found it in no state that allows the move."""
    row = connection.execute(_move(name, to, now, reason, facts)).one_or_none()
    if row is None:
        return None
    if to is HostState.REMOVED:
        connection.execute(delete(host_images).where(host_images.c.host == name))
    note_host_change(connection, as_host(row), now)
    return as_host(row)


def _move(name: str, to: HostState, now: datetime, reason: str, facts: dict) -> Update:
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


def _check_move(host: Host, to: HostState) -> None:
    check_host_move(host.name, host.state, to)
    if (host.state, to) == (HostState.DRAINING, HostState.ACTIVE):
        raise RefusedMove(f"host {host.name} drains ({host.reason}): return-host alone brings it back")
    if to is HostState.REMOVING and host.reserved:
        raise RefusedMove(
            f"host {host.name} cannot go from {host.state} to {to}: sessions still hold {host.reserved} of its slots"
        )
