"""What comes with one host's server in OpenStack: its port, its volumes."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from openstack.block_storage.v3.volume import Volume
from openstack.connection import Connection
from openstack.exceptions import ConflictException, ForbiddenException, NotFoundException
from openstack.network.v2.port import Port

from blocks.clouds.openstack_project.marks import description, metadata
from blocks.clouds.openstack_project.waiting import deadline, is_over, patiently
from blocks.clouds.port import ServerRequest
from pool import marks
from pool.errors import CloudRefused, CloudTrouble

if TYPE_CHECKING:
    from keystoneauth1.identity.base import BaseIdentityPlugin

VOLUME_SECONDS = 600  # a root volume is a copy of the image
LET_GO_SECONDS = 30
VOLUME_SERVICES = ("block-storage", "volumev3", "volume", "block-store")
SETTINGS = {"root": "DD_HOST_ROOT_VOLUME_SIZE of the cloud", "data": "DD_HOST_DATA_VOLUME_FACTOR of the pool"}
REMOVABLE = ("available", "error", "error_deleting")


@dataclass(frozen=True)
class VolumeSpec:
    """A volume that a host is to have."""

    role: str  # "root" or "data"
    size: int  # GB
    kind: str = ""  # volume type; empty: the cloud's default
    device: str = ""  # where the host sees it
    image: str = ""  # id of the image that it is a copy of; empty: a blank one


def ensure_port(cloud: Connection, namespace: str, host: str, network: str, groups: list[str]) -> Port:
    """Find or create the host's port, on this network and in these security groups (ids). It gets no public address.

    Raises:
        CloudTrouble: a group is gone that was there a moment ago: another host of the pool, its last, took it along.
    """
    found = ports_of(cloud, namespace, host)
    try:
        if found:
            return cloud.network.update_port(found[0], security_group_ids=groups)
        return cloud.network.create_port(
            name=host, description=description(namespace), network_id=network, security_group_ids=groups
        )
    except NotFoundException as error:
        raise CloudTrouble(f"what the port of host {host} needs was removed meanwhile: {error.details}") from error


def ports_of(cloud: Connection, namespace: str, host: str) -> list[Port]:
    """Return the host's ports."""
    return list(cloud.network.ports(name=host, description=description(namespace)))


def check_volumes(cloud: Connection, specs: Collection[VolumeSpec]) -> None:
    """Refuse volumes that the cloud cannot offer, before anything is made.

    Raises:
        CloudRefused: it has no volume service, or no such volume type; the message lists the types.
    """
    if not specs:
        return
    if not has_volumes(cloud):
        asked = " and ".join(f"a {spec.role} volume of {spec.size} GB" for spec in specs)
        settings = " and ".join(f"{SETTINGS[spec.role]} to 0" for spec in specs)
        raise CloudRefused(f"the cloud has no volume service, and {asked} is requested: set {settings}")
    known = {kind.name for kind in cloud.block_storage.types()}
    for spec in specs:
        if spec.kind and spec.kind not in known:
            names = ", ".join(sorted(known)) or "none"
            raise CloudRefused(f"no volume type is named {spec.kind!r}; the cloud has: {names}")


def has_volumes(cloud: Connection) -> bool:
    """Whether the region has a volume service. openstacksdk's own check warns in the log where there is none."""
    auth = cast("BaseIdentityPlugin", cloud.session.auth)  # the SDK logs in to OpenStack in no other way
    catalogue = auth.get_access(cloud.session).service_catalog
    region = cloud.config.get_region_name() or None
    return any(catalogue.get_urls(service_type=kind, region_name=region) for kind in VOLUME_SERVICES)


def ensure_volume(cloud: Connection, namespace: str, request: ServerRequest, spec: VolumeSpec) -> Volume:
    """Find or create the host's volume for this role, ready to be attached.

    Raises:
        CloudTrouble: it went to error, or is not ready after ten minutes.
    """
    name = f"{request.host}-{spec.role}"
    found = [volume for volume in volumes_of(cloud, namespace, request.host) if volume.name == name]
    volume = found[0] if found else _new_volume(cloud, namespace, request, spec, name)
    until, what = deadline(VOLUME_SECONDS), f"the {spec.role} volume of host {request.host}"
    while volume.status not in ("available", "in-use"):
        if volume.status.startswith("error"):
            raise CloudTrouble(f"{what} went to {volume.status}")
        if is_over(until):
            raise CloudTrouble(f"{what} is {volume.status} after {VOLUME_SECONDS} s")
        time.sleep(1)
        volume = patiently(partial(get_volume, cloud, volume.id), until)
    return volume


def _new_volume(cloud: Connection, namespace: str, request: ServerRequest, spec: VolumeSpec, name: str) -> Volume:
    options = {"volume_type": spec.kind or None, "image_id": spec.image or None}
    ours = metadata(namespace, request.pool, request.host)
    given = {key: value for key, value in options.items() if value}
    return cast("Volume", cloud.block_storage.create_volume(name=name, size=spec.size, metadata=ours, **given))


def get_volume(cloud: Connection, volume_id: str) -> Volume:
    """Return the volume.

    Raises:
        openstack.exceptions.NotFoundException: there is none of this id.
    """
    return cast("Volume", cloud.block_storage.get_volume(volume_id))


def volumes_of(cloud: Connection, namespace: str, host: str) -> list[Volume]:
    """Return the host's volumes, of any role; none where there is no volume service."""
    return [volume for volume in all_volumes(cloud, namespace) if volume.name in (f"{host}-root", f"{host}-data")]


def all_volumes(cloud: Connection, namespace: str) -> list[Volume]:
    """All volumes of the namespace, in one request; none where there is no volume service."""
    if not has_volumes(cloud):
        return []
    found = cast("Iterable[Volume]", cloud.block_storage.volumes())
    return [volume for volume in found if (volume.metadata or {}).get(marks.NAMESPACE) == namespace]


def attachment(volume: Volume, spec: VolumeSpec) -> dict:
    """How Nova is told of the volume. It goes with the server: Nova deletes it once it has let go of it."""
    told = {
        "uuid": volume.id,
        "source_type": "volume",
        "destination_type": "volume",
        "delete_on_termination": True,
        "boot_index": 0 if spec.role == "root" else -1,
    }
    return told | ({"device_name": spec.device} if spec.device else {})


def remove_parts(cloud: Connection, namespace: str, host: str, seconds: float = LET_GO_SECONDS) -> None:
    """Remove the host's ports and volumes that went not with its server; absent is success.

    Nova says that a server is gone a moment before it lets go of what the server had.

    Raises:
        CloudTrouble: one is still in use after *seconds*.
    """
    until = deadline(seconds)
    while not patiently(lambda: _removed(cloud, namespace, host, last=is_over(until)), until):
        time.sleep(0.5)


def _removed(cloud: Connection, namespace: str, host: str, last: bool) -> bool:
    try:
        for port in ports_of(cloud, namespace, host):
            remove_port(cloud, port.id)
        for volume in volumes_of(cloud, namespace, host):
            remove_volume(cloud, volume)
    except CloudTrouble:
        if last:
            raise
        return False
    return True


def remove_port(cloud: Connection, port: str) -> None:
    """Delete the port; absent is success.

    Raises:
        CloudTrouble: Neutron does not let go of it while Nova has it.
    """
    try:
        cloud.network.delete_port(port)
    except (ForbiddenException, ConflictException) as error:
        raise CloudTrouble(f"port {port} cannot be deleted while a server has it") from error


def remove_volume(cloud: Connection, volume: Volume) -> None:
    """Delete the volume, unless that has begun.

    Raises:
        CloudTrouble: it is still in use.
    """
    if volume.status in REMOVABLE:
        cloud.block_storage.delete_volume(volume.id)
    elif volume.status != "deleting":
        raise CloudTrouble(f"volume {volume.name} cannot be deleted while it is {volume.status}")
