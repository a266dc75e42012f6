"""Hosts that take no session though they are in service: out of reach, and when one counts as dead, or low on disk."""

from collections.abc import Iterable
from datetime import datetime

from pool.moments import after, second
from pool.printable import how_many
from pool.records import Host
from pool.states import HostState

#: States in which a host's engine is asked what it runs.
PROBED = frozenset({HostState.ACTIVE, HostState.DRAINING})
#: What the history of a host says beside its states, and what the events of it are called by.
UNREACHABLE, REACHABLE = "unreachable", "reachable"
FEWEST = 2  # hosts that are many, if they are more than half of those that were asked


def many_silent(silent: int, asked: int) -> bool:
    """Whether so many of the hosts that were asked do not answer that it is no fault of their own.

    Machines fail one by one. Most of a pool at once is the network between, or the manager itself.
    """
    return silent >= FEWEST and 2 * silent > asked


def reach_troubles(hosts: Iterable[Host]) -> list[str]:
    """One sentence for each pool of which most hosts are out of reach at once."""
    pools: dict[str, list[bool]] = {}
    for host in hosts:
        if host.state in PROBED:
            pools.setdefault(host.pool, []).append(host.unreachable_since is not None)
    counts = ((pool, sum(silent), len(silent)) for pool, silent in sorted(pools.items()))
    return [f"Pool {pool}: {cut_off_words(*count)}" for pool, *count in counts if many_silent(*count)]


def unfit_hosts(hosts: Iterable[Host], grace: float) -> list[str]:
    """One sentence for each host in service that takes no session: since when and why.

    Args:
        hosts: of one pool, in any state.
        grace: seconds that a single host may be out of reach.
    """
    return [f"Host {host.name} is {words}" for host in hosts if (words := unfit_words(host, grace))]


def unfit_words(host: Host, grace: float) -> str:
    """Say why a host in service takes no session, and since when; empty: it takes some."""
    return reach_words(host, grace) or disk_words(host)


def reach_words(host: Host, grace: float) -> str:
    """Say of a host that is out of reach since when, when it counts as dead and why; empty: it is in reach."""
    since = host.unreachable_since
    if since is None or host.state not in PROBED:
        return ""
    return f"out of reach since {second(since)}; {dead_words(since, grace)}: {host.last_error}"


def disk_words(host: Host) -> str:
    """Say of a host whose disk has too little room since when, and what was found; empty: it has room."""
    since = host.disk_low_since
    if since is None or host.state not in PROBED:
        return ""
    return f"low on disk since {second(since)}: {host.last_error}"


def dead_words(since: datetime, grace: float) -> str:
    """Say when a host that is out of reach since then counts as dead. Later, where most of its pool is silent too."""
    return f"it counts as dead from {second(after(since, grace))} on, unless it answers"


def cut_off_words(silent: int, asked: int) -> str:
    """Say so, for the operator."""
    are = "is" if silent == 1 else "are"
    return (
        f"{silent} of {how_many(asked, 'host')} {are} out of reach at once: the network or this manager is at fault,"
        " so no host is given up; a host that is lost for good is given up when its server is deleted"
    )
