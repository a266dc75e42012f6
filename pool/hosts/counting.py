"""How many of a pool's hosts count against its limit."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pool.records import Host
from pool.states import LIVING_HOSTS, HostState

#: How long a host may be in removing until its server counts as one that the cloud cannot delete.
UNDYING_AFTER = timedelta(hours=1)


def counted_hosts(hosts: Iterable[Host], max_hosts: int, now: datetime) -> int:
    """Return how many hosts count against the limit of their pool.

    A server that the cloud does not delete in ``UNDYING_AFTER`` gives its place up: no session can use it, and one
    that waits would wait for ever. At most as many as the limit do: there are never more than twice so many hosts.

    Args:
        hosts: of one pool, in any state.
        max_hosts: the limit.
        now: the moment of asking.
    """
    living = [host for host in hosts if host.state in LIVING_HOSTS]
    undying = sum(is_undying(host, now) for host in living)
    return without_undying(len(living), undying, max_hosts)


def is_undying(host: Host, now: datetime) -> bool:
    """Whether the cloud should long have deleted the host's server, and has not."""
    return host.state is HostState.REMOVING and host.state_since < now - UNDYING_AFTER


def without_undying(living: int, undying: int, max_hosts: int) -> int:
    """Return how many of the living hosts count, so many of which are undying."""
    return living - min(undying, max_hosts)
