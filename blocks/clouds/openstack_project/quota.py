"""Whether the project's quota has room for another host, known before it is asked for."""

from collections.abc import Collection
from dataclasses import dataclass

from openstack.compute.v2.flavor import Flavor
from openstack.compute.v2.limits import AbsoluteLimits
from openstack.connection import Connection

from blocks.clouds.openstack_project.parts import VolumeSpec, has_volumes
from pool.records import Headroom


@dataclass(frozen=True)
class QuotaLimit:
    """One limit of the project, and what a host takes of it."""

    what: str
    used: int
    total: int  # -1: no limit
    needed: int
    who: str  # what needs it

    @property
    def hosts(self) -> int:
        """How many more hosts fit."""
        return max(0, (self.total - self.used) // self.needed)

    def __str__(self) -> str:
        """As in "6 of 8 cores are in use and standard.xlarge needs 4"."""
        needs = f" and {self.who} needs {self.needed}" if self.needed > 1 else ""
        return f"{self.used} of {self.total} {self.what} are in use{needs}"


def limits_of(cloud: Connection) -> AbsoluteLimits:
    """Return the project's limits of Nova and what is used of them, in one request."""
    return cloud.compute.get_limits().absolute


def headroom_of(
    cloud: Connection, limits: AbsoluteLimits, flavor: Flavor, volumes: Collection[VolumeSpec]
) -> Headroom | None:
    """How many more hosts of this flavor and with these volumes fit; None when the project has no limit.

    The tightest of instances, cores, memory, volumes and their gigabytes decides. Volumes cost a request of their own.
    """
    counted = _of_nova(limits, flavor) + (_of_cinder(cloud, volumes) if volumes and has_volumes(cloud) else [])
    bounding = [limit for limit in counted if limit.needed and limit.total >= 0]
    if not bounding:
        return None
    tightest = min(bounding, key=lambda limit: limit.hosts)
    return Headroom(tightest.hosts, str(tightest))


def _of_nova(limits: AbsoluteLimits, flavor: Flavor) -> list[QuotaLimit]:
    return [
        QuotaLimit("instances", limits.instances_used, limits.instances, 1, flavor.name),
        QuotaLimit("cores", limits.total_cores_used, limits.total_cores, flavor.vcpus, flavor.name),
        QuotaLimit("MB of memory", limits.total_ram_used, limits.total_ram, flavor.ram, flavor.name),
    ]


def _of_cinder(cloud: Connection, volumes: Collection[VolumeSpec]) -> list[QuotaLimit]:
    limits, size = cloud.block_storage.get_limits().absolute, sum(spec.size for spec in volumes)
    return [
        QuotaLimit("volumes", limits.total_volumes_used, limits.max_total_volumes, len(volumes), "a host"),
        QuotaLimit("GB of volumes", limits.total_gigabytes_used, limits.max_total_volume_gigabytes, size, "a host"),
    ]
