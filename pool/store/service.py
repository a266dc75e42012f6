"""What an operator does to hosts: take one out of service, bring it back, let the pool spawn again."""

from datetime import datetime

from sqlalchemy import Update, case, literal, update

from pool.errors import RefusedMove
from pool.records import Host
from pool.states import HostState, states_that_may_become
from pool.store.changes import note_host_change
from pool.store.engine import Database
from pool.store.hosts import as_host, find_host
from pool.store.schema import hosts


class ServiceStore(Database):
    """Drain, return and forgive."""

    def drain_host(self, name: str, now: datetime, reason: str, deadline: datetime | None = None) -> Host:
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

    def return_host(self, name: str, now: datetime, reason: str) -> Host:
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

    def forgive_faults(self, pool: str) -> int:
        """Hold the hosts whose beginning failed no longer against the pool; return how many there were."""
        held = (hosts.c.pool == pool, hosts.c.fault.is_not(None))
        with self._writing() as connection:
            return connection.execute(update(hosts).where(*held).values(fault=None)).rowcount

    def _move_or_say(self, name: str, to: HostState, change: Update, now: datetime) -> Host:
        with self._writing() as connection:
            moved = connection.execute(change.returning(hosts)).one_or_none()
            if moved is None:
                raise _refusal(find_host(connection, name), to)
            host = as_host(moved)
            note_host_change(connection, host, now)
        return host


def _refusal(host: Host, to: HostState) -> RefusedMove:
    if to is HostState.ACTIVE and host.state is not HostState.DRAINING:
        return RefusedMove(f"host {host.name} is {host.state}: only a draining host is returned to service")
    if to is HostState.ACTIVE:
        return RefusedMove(f"host {host.name} was never configured to its end: it cannot take sessions")
    return RefusedMove(f"host {host.name} cannot go from {host.state} to {to}")
