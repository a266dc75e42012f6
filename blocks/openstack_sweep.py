"""All that carries our mark in the cloud, so that what has no living record is found and removed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from openstack.connection import Connection

from blocks.openstack_marks import HOST_KEY, POOL_KEY, description, pool_of
from blocks.openstack_parts import all_volumes, remove_port, remove_volume
from blocks.openstack_servers import all_servers


@dataclass(frozen=True)
class CloudPart:
    """One thing of ours in the cloud. It belongs to a host; or, without one, to a pool."""

    kind: str  # "server", "port", "volume", "security group", "keypair" or "server group"
    id: str
    name: str
    pool: str | None = None  # None: not written on it
    host: str | None = None

    def __str__(self) -> str:
        """As in "port main-01 (3f0c…)"."""
        return f"{self.kind} {self.name} ({self.id})"


def all_parts(cloud: Connection, namespace: str) -> list[CloudPart]:
    """Everything of the namespace, in one request for each kind; servers first, what they hold after them."""
    return [
        *(
            CloudPart("server", s.id, s.name, s.metadata.get(POOL_KEY), s.metadata.get(HOST_KEY))
            for s in all_servers(cloud, namespace)
        ),
        *(
            CloudPart("port", p.id, p.name, None, p.name)
            for p in cloud.network.ports(description=description(namespace))
        ),
        *(
            CloudPart("volume", v.id, v.name, v.metadata.get(POOL_KEY), v.metadata.get(HOST_KEY))
            for v in all_volumes(cloud, namespace)
        ),
        *_shared("security group", namespace, cloud.network.security_groups(description=description(namespace))),
        *_shared("keypair", namespace, cloud.compute.keypairs()),
        *_shared("server group", namespace, cloud.compute.server_groups()),
    ]


def _shared(kind: str, namespace: str, found: Iterable) -> list[CloudPart]:
    pools = [(thing, pool_of(namespace, thing.name)) for thing in found]
    return [CloudPart(kind, thing.id, thing.name, pool) for thing, pool in pools if pool is not None]


def orphans(parts: Iterable[CloudPart], hosts: set[str], pools: set[str]) -> list[CloudPart]:
    """Those without a living record.

    Args:
        parts: what the cloud holds.
        hosts: names of all hosts that may have a server: every one that is not removed.
        pools: names of the pools that these are of.
    """
    return [part for part in parts if (part.host not in hosts if part.host is not None else part.pool not in pools)]


def remove_part(cloud: Connection, part: CloudPart) -> None:
    """Remove it; absent is success.

    Raises:
        CloudTrouble: a server still uses the port or the volume.
        openstack.exceptions.ConflictException: a port still uses the group.
    """
    removers: dict[str, Callable[[str], object]] = {
        "server": cloud.compute.delete_server,
        "port": lambda port: remove_port(cloud, port),
        "volume": lambda volume: remove_volume(cloud, cloud.block_storage.get_volume(volume)),
        "security group": cloud.network.delete_security_group,
        "keypair": cloud.compute.delete_keypair,
        "server group": cloud.compute.delete_server_group,
    }
    removers[part.kind](part.id)
