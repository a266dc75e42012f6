"""Whether the project's quota has room for another host, known before it is asked for."""

from dataclasses import dataclass

from openstack.compute.v2.flavor import Flavor
from openstack.compute.v2.limits import AbsoluteLimits
from openstack.connection import Connection


@dataclass(frozen=True)
class Limit:
    """One limit of the project, and what a host takes of it."""

    what: str
    used: int
    total: int  # -1: no limit
    needed: int

    @property
    def hosts(self) -> int | None:
        """How many more hosts fit; None when there is no limit."""
        return max(0, (self.total - self.used) // self.needed) if self.total >= 0 else None


@dataclass(frozen=True)
class Room:
    """How many more hosts of one flavor the project's quota has room for."""

    hosts: int | None  # None: no limit
    because: str  # "10 of 10 instances are in use"; of the tightest limit


def limits_of(cloud: Connection) -> AbsoluteLimits:
    """The project's limits and what is used of them, in one request."""
    return cloud.compute.get_limits().absolute


def room_for(limits: AbsoluteLimits, flavor: Flavor) -> Room:
    """What fits: the tightest of instances, cores and memory decides."""
    bounded = [limit for limit in _limits(limits, flavor) if limit.hosts is not None]
    if not bounded:
        return Room(None, "the project has no limit")
    tightest = min(bounded, key=lambda limit: limit.hosts)
    needs = f" and {flavor.name} needs {tightest.needed}" if tightest.needed > 1 else ""
    return Room(tightest.hosts, f"{tightest.used} of {tightest.total} {tightest.what} are in use{needs}")


def _limits(limits: AbsoluteLimits, flavor: Flavor) -> list[Limit]:
    taken = [
        Limit("instances", limits.instances_used, limits.instances, 1),
        Limit("cores", limits.total_cores_used, limits.total_cores, flavor.vcpus),
        Limit("MB of memory", limits.total_ram_used, limits.total_ram, flavor.ram),
    ]
    return [limit for limit in taken if limit.needed]
