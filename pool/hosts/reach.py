"""Hosts that are out of reach, and whether that is their own fault."""

from collections.abc import Iterable

from pool.records import Host
from pool.states import HostState

#: States in which a host's engine is asked what it runs.
PROBED = frozenset({HostState.ACTIVE, HostState.DRAINING})
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


def cut_off_words(silent: int, asked: int) -> str:
    """Say so, for the operator."""
    return (
        f"{silent} of {asked} hosts are out of reach at once: the network or this manager is at fault, so no host is"
        " given up; a host that is lost for good is given up when its server is deleted"
    )
