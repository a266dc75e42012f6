"""The records of hosts."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from pool.errors import DockerDriverError
from pool.records import Fault, FlavorSize, Host
from pool.states import LIVING_HOSTS, HostState, states_that_may_become
from pool.store.engine import check_facts
from pool.store.history import note_host_change
from pool.store.hosts.host_notes import HostNotes
from pool.store.hosts.host_rows import (
    as_host,
    get_host,
    host_of_run,
    insert_next,
    move_statement,
    refuse_move,
    service_refusal,
)
from pool.store.schema import host_images, hosts

FACTS_OF_A_MOVE = frozenset({"server_id", "address", "host_key", "fault"})
FACTS = frozenset({"server_id", "address", "host_key", "reason", "setup"})
#: A server that comes to light later than this after its host was removed is one without a record.
REMEMBERED = timedelta(days=7)
#: Launches that failed one after the other and are counted: more make no wait longer.
FAULTS = 100
TRIES = 10  # of a move of a host that others change meanwhile


class HostStore(HostNotes):
    """Claim, find, move, drain and return hosts."""

    def claim(
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
            with self._db.writing() as connection:
                claimed = host_of_run(connection, spawned_by) or insert_next(connection, new, max_hosts, now)
            if claimed is not None:
                return as_host(claimed)
            # Another claimer took the number after we had counted, so that our count was old: count again.

    def get(self, name: str) -> Host:
        """The host of this name.

        Raises:
            NotFound: "no host is named main-07; known: main-01, main-02".
        """
        with self._db.reading() as connection:
            return get_host(connection, name)

    def named(self, names: Collection[str]) -> dict[str, Host]:
        """Those of these hosts that are on record, by name."""
        if not names:
            return {}
        with self._db.reading() as connection:
            rows = connection.execute(select(hosts).where(hosts.c.name.in_(sorted(names)))).all()
        return {row.name: as_host(row) for row in rows}

    def all(self, pool: str | None = None, states: Iterable[HostState] | None = None) -> list[Host]:
        """The hosts of one pool (None: all) in some states (None: any), by name."""
        query = select(hosts).order_by(hosts.c.pool, hosts.c.number)
        if pool is not None:
            query = query.where(hosts.c.pool == pool)
        if states is not None:
            query = query.where(hosts.c.state.in_(sorted(states)))
        with self._db.reading() as connection:
            return [as_host(row) for row in connection.execute(query).all()]

    def addresses(self) -> dict[str, str | None]:
        """The address of each living host, by name."""
        with self._db.reading() as connection:
            living = select(hosts.c.name, hosts.c.address).where(hosts.c.state.in_(sorted(LIVING_HOSTS)))
            return {row.name: row.address for row in connection.execute(living).all()}

    def deadlines(self) -> dict[str, datetime]:
        """Until when the drain of a host has, by its name; of those alone that drain and have a deadline."""
        query = select(hosts.c.name, hosts.c.drain_deadline).where(hosts.c.state == HostState.DRAINING)
        with self._db.reading() as connection:
            rows = connection.execute(query.where(hosts.c.drain_deadline.is_not(None))).all()
        return {row.name: row.drain_deadline for row in rows}

    def pools(self) -> list[str]:
        """Names of the pools that have, or had, hosts."""
        with self._db.reading() as connection:
            return [*connection.scalars(select(hosts.c.pool).distinct().order_by(hosts.c.pool))]

    def recent(self, pool: str, now: datetime) -> list[Host]:
        """The pool's hosts that are not removed, or were so within ``REMEMBERED``; by number.

        And the latest ``FAULTS`` whose beginning failed since a host's began well: back-off and circuit breaker count
        these however long ago they failed. What a tick looks at: all hosts that ever were would make each tick slower
        than the one before.
        """
        lately = (hosts.c.state != HostState.REMOVED) | (hosts.c.state_since >= now - REMEMBERED)
        with self._db.reading() as connection:
            counted = select(hosts.c.name).where(hosts.c.pool == pool, _since_a_success(connection, pool))
            latest = counted.order_by(hosts.c.last_error_at.desc()).limit(FAULTS)
            query = select(hosts).where(hosts.c.pool == pool, lately | hosts.c.name.in_(latest))
            query = query.order_by(hosts.c.number)
            return [as_host(row) for row in connection.execute(query).all()]

    def move(self, name: str, to: HostState, now: datetime, reason: str = "", **facts: object) -> Host:
        """Move a host to another state by one guarded write; a host that is there already is returned unchanged.

        Active also means: no errors counted. Removed also means: no images on it. A draining host becomes active by
        :meth:`return_to_service` alone: a run that was configuring it meanwhile does not bring it back.

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
            with self._db.writing() as connection:
                host = _moved(connection, name, to, now, reason, facts) or get_host(connection, name)
            if host.state is to:
                return host
            refuse_move(host, to)  # allowed now: it came free between the write and the look, so try again
        raise DockerDriverError(f"host {name} changed under each of {TRIES} tries to move it to {to}")

    def note(self, name: str, **facts: object) -> Host:
        """Write down what became known of a host: ``server_id``, ``address``, ``host_key``, ``reason``, ``setup``.

        Raises:
            NotFound: no host has this name.
        """
        check_facts(facts, FACTS)
        with self._db.writing() as connection:
            if facts:
                connection.execute(update(hosts).where(hosts.c.name == name).values(**facts))
            return get_host(connection, name)

    def drain(self, name: str, now: datetime, reason: str, deadline: datetime | None = None) -> Host:
        """Take a host out of service, or give one that drains already another reason and deadline.

        Args:
            name: the host.
            now: becomes ``state_since``, unless it drains already.
            reason: for the operator and for the users of the sessions that are left on it.
            deadline: when those sessions are ended; None: they live out their time.

        Raises:
            RefusedMove: its life cycle does not allow this.
            NotFound: no host has this name.
        """
        drains = hosts.c.state == HostState.DRAINING
        may = states_that_may_become(HostState.DRAINING) | {HostState.DRAINING}
        since = case((drains, hosts.c.state_since), else_=now)
        change = update(hosts).where(hosts.c.name == name, hosts.c.state.in_(sorted(may)))
        drained = change.values(state=HostState.DRAINING, state_since=since, reason=reason, drain_deadline=deadline)
        return self._move_or_say(name, HostState.DRAINING, drained, now)

    def return_to_service(self, name: str, now: datetime, reason: str) -> Host:
        """Put a draining host back into service: no errors, no deadline, and its lifetime begins anew.

        Raises:
            RefusedMove: it does not drain, or it was never configured to its end.
            NotFound: no host has this name.
        """
        moment = literal(now, hosts.c.state_since.type)
        used, idle = case((hosts.c.reserved > 0, moment)), case((hosts.c.reserved == 0, moment))
        drained = (hosts.c.name == name, hosts.c.state == HostState.DRAINING, hosts.c.active_at.is_not(None))
        fresh = {"errors": 0, "drain_deadline": None, "first_used_at": used, "idle_since": idle}
        returned = update(hosts).where(*drained).values(state=HostState.ACTIVE, state_since=now, reason=reason, **fresh)
        return self._move_or_say(name, HostState.ACTIVE, returned, now)

    def forget(self, before: datetime) -> int:
        """Delete the records of hosts that were removed before a moment; how many there were.

        The last of each pool stays: the next host's number follows from it, and no name is given twice.
        """
        others = hosts.alias()
        last = select(func.max(others.c.number)).where(others.c.pool == hosts.c.pool).scalar_subquery()
        removed = (hosts.c.state == HostState.REMOVED, hosts.c.state_since < before)
        old = select(hosts.c.name).where(*removed, hosts.c.number < last)
        with self._db.reading() as connection:  # a writer would wait for others, mostly for nothing
            if connection.execute(old.limit(1)).first() is None:
                return 0
        with self._db.writing() as connection:
            return connection.execute(delete(hosts).where(hosts.c.name.in_(old))).rowcount

    def forgive_faults(self, pool: str) -> int:
        """Hold the hosts whose beginning failed no longer against the pool; return how many there were."""
        held = (hosts.c.pool == pool, hosts.c.fault.is_not(None))
        with self._db.writing() as connection:
            return connection.execute(update(hosts).where(*held).values(fault=None)).rowcount

    def _move_or_say(self, name: str, to: HostState, change: Update, now: datetime) -> Host:
        with self._db.writing() as connection:
            moved = connection.execute(change.returning(hosts)).one_or_none()
            if moved is None:
                raise service_refusal(get_host(connection, name), to)
            host = as_host(moved)
            note_host_change(connection, host, now)
        return host

    def count_removal(self, name: str, next_at: datetime) -> Host:
        """Count one more try to remove the host's server; before *next_at* there is none."""
        more = {"removals": hosts.c.removals + 1, "remove_after": next_at}
        with self._db.writing() as connection:
            return as_host(
                connection.execute(update(hosts).where(hosts.c.name == name).values(**more).returning(hosts)).one()
            )


def _since_a_success(connection: Connection, pool: str) -> ColumnElement[bool]:
    """Condition: the host's beginning failed after the pool's last one that got that far."""
    best = select(func.max(hosts.c.active_at), func.max(hosts.c.answered_at)).where(hosts.c.pool == pool)
    active, answered = connection.execute(best).one()
    configuring = hosts.c.fault == Fault.CONFIGURING
    launched = hosts.c.fault.in_([Fault.REFUSED, Fault.LAUNCH])
    return or_(
        configuring if active is None else and_(configuring, hosts.c.last_error_at > active),
        launched if answered is None else and_(launched, hosts.c.last_error_at > answered),
    )


def _moved(
    connection: Connection, name: str, to: HostState, now: datetime, reason: str, facts: dict[str, Any]
) -> Host | None:
    """The host after the move; None when the guarded write found it in no state that allows the move."""
    row = connection.execute(move_statement(name, to, now, reason, facts)).one_or_none()
    if row is None:
        return None
    if to is HostState.REMOVED:
        connection.execute(delete(host_images).where(host_images.c.host == name))
    note_host_change(connection, as_host(row), now)
    return as_host(row)
