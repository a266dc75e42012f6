"""All that carries our mark in the cloud, so that what has no living record is found and removed."""

from collections.abc import Callable, Iterable

from openstack.connection import Connection

from blocks.clouds.openstack_project.marks import description, pool_of
from blocks.clouds.openstack_project.parts import all_volumes, get_volume, remove_port, remove_volume
from blocks.clouds.openstack_project.servers import all_servers
from blocks.clouds.openstack_project.snapshots import half_made
from pool import marks
from pool.housekeeping.orphans import CloudPart


def all_parts(cloud: Connection, namespace: str) -> list[CloudPart]:
    """Everything of the namespace, in one request for each kind; servers first, what they hold after them."""
    return [
        *(
            CloudPart("server", s.id, s.name, s.metadata.get(marks.POOL), s.metadata.get(marks.HOST))
            for s in all_servers(cloud, namespace)
        ),
        *(
            CloudPart("port", p.id, p.name, None, p.name)
            for p in cloud.network.ports(description=description(namespace))
        ),
        *(
            CloudPart("volume", v.id, v.name, v.metadata.get(marks.POOL), v.metadata.get(marks.HOST))
            for v in all_volumes(cloud, namespace)
        ),
        *half_made(cloud, namespace),
        *_shared("security group", namespace, cloud.network.security_groups(description=description(namespace))),
        *_shared("keypair", namespace, cloud.compute.keypairs()),
        *_shared("server group", namespace, cloud.compute.server_groups()),
    ]


def _shared(kind: str, namespace: str, found: Iterable) -> list[CloudPart]:
    pools = [(thing, pool_of(namespace, thing.name)) for thing in found]
    return [CloudPart(kind, thing.id, thing.name, pool) for thing, pool in pools if pool is not None]


def remove_from_project(cloud: Connection, part: CloudPart) -> None:
    """Remove it; absent is success.

    Raises:
        CloudTrouble: a server still uses the port or the volume.
        openstack.exceptions.ConflictException: a port still uses the group.
    """
    removers: dict[str, Callable[[str], object]] = {
        "server": cloud.compute.delete_server,
        "port": lambda port: remove_port(cloud, port),
        "volume": lambda volume: remove_volume(cloud, get_volume(cloud, volume)),
        "host image": cloud.image.delete_image,
        "security group": cloud.network.delete_security_group,
        "keypair": cloud.compute.delete_keypair,
        "server group": cloud.compute.delete_server_group,
    }
    removers[part.kind](part.id)
