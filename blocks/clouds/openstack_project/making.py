"""How a server of an OpenStack project is made, with all that comes with it, and how that goes again."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from openstack.compute.v2.flavor import Flavor
from openstack.compute.v2.limits import AbsoluteLimits
from openstack.compute.v2.server import Server as NovaServer
from openstack.connection import Connection
from openstack.image.v2.image import Image
from openstack.network.v2.network import Network
from openstack.network.v2.security_group import SecurityGroup

from blocks.clouds.openstack_project.catalogue import get_flavor, get_image, get_network, pick, project_groups
from blocks.clouds.openstack_project.errors import translate_errors
from blocks.clouds.openstack_project.marks import host_key_mark, metadata, server_tags
from blocks.clouds.openstack_project.parts import (
    VolumeSpec,
    attachment,
    check_volumes,
    ensure_port,
    ensure_volume,
    remove_parts,
)
from blocks.clouds.openstack_project.quota import headroom_of, limits_of
from blocks.clouds.openstack_project.servers import has_servers, keep_oldest
from blocks.clouds.openstack_project.shared import (
    ensure_group,
    ensure_keypair,
    ensure_server_group,
    remove_shared,
    shared_resources_exist,
)
from blocks.clouds.port import ServerRequest
from pool.errors import CloudRefused, CloudTrouble

# Two threads of one process that make the same host take turns; the second finds what the first has made.
_making = threading.Lock()
_turns: dict[tuple[str, str], threading.Lock] = {}


@dataclass(frozen=True)
class Plan:
    """All that a new server needs and that the cloud already has; found before anything is made."""

    flavor: Flavor
    image: Image
    network: Network
    master: SecurityGroup
    extra: list[SecurityGroup]
    groups: list[SecurityGroup]  # all of the project
    volumes: tuple[VolumeSpec, ...]
    limits: AbsoluteLimits


@dataclass(frozen=True)
class ServerMaker:
    """Makes servers of one namespace, as the cloud's block says."""

    namespace: str
    network: str  # name or id; auto: the project's only one
    master_group: str
    extra_groups: tuple[str, ...]
    public_key: str  # empty: no keypair

    def make(self, cloud: Connection, request: ServerRequest, volumes: tuple[VolumeSpec, ...]) -> NovaServer:
        """Make the server and what comes with it, or return the one that is there.

        Raises:
            CloudRefused: the project lacks what it needs, or has no room for it; nothing of it is left.
            CloudTrouble: what it shares with its pool was removed meanwhile; ask again.
        """
        with self._turn(request.host):
            return keep_oldest(cloud, self.namespace, request.host) or self._made(cloud, request, volumes)

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        with _making:
            turn = _turns.setdefault((self.namespace, host), threading.Lock())
        with turn:
            yield

    def _plan(self, cloud: Connection, request: ServerRequest, volumes: tuple[VolumeSpec, ...]) -> Plan:
        groups = project_groups(cloud)
        plan = Plan(
            flavor=get_flavor(cloud, request.flavor),
            image=get_image(cloud, request.image),
            network=get_network(cloud, self.network),
            master=pick("security group", self.master_group, groups),
            extra=[pick("security group", name, groups) for name in self.extra_groups],
            groups=groups,
            volumes=volumes,
            limits=limits_of(cloud),
        )
        check_volumes(cloud, plan.volumes)
        room = headroom_of(cloud, plan.limits, plan.flavor, plan.volumes)
        if room and room.hosts == 0:
            raise CloudRefused(f"cannot make host {request.host}: quota: {room.because}")
        return plan

    def _made(self, cloud: Connection, request: ServerRequest, volumes: tuple[VolumeSpec, ...]) -> NovaServer:
        plan, order = self._plan(cloud, request, volumes), {}
        try:
            with translate_errors(f"make host {request.host}"):
                order = self._order(cloud, request, plan)
                made = cloud.compute.create_server(**order)
        except CloudRefused as error:  # nothing was accepted; after any other error something may have been
            vanished = not shared_resources_exist(cloud, order)
            remove_rest(cloud, self.namespace, request.host, {request.pool})
            if vanished:
                raise CloudTrouble(f"what host {request.host} shares with its pool was removed meanwhile") from error
            raise
        return keep_oldest(cloud, self.namespace, request.host) or cloud.compute.get_server(made)

    def _order(self, cloud: Connection, request: ServerRequest, plan: Plan) -> dict:
        """Compose the request to Nova. What the server needs is found or created first."""
        namespace, pool, host = self.namespace, request.pool, request.host
        group = ensure_group(cloud, namespace, pool, plan.groups, plan.master)
        apart = ensure_server_group(cloud, namespace, pool, plan.limits.server_group_members)
        key = ensure_keypair(cloud, namespace, pool, self.public_key) if self.public_key else None
        groups = [group.id, *(extra.id for extra in plan.extra)]
        order = {
            "name": host,
            "flavor_id": plan.flavor.id,
            "image_id": plan.image.id,
            "networks": [{"port": ensure_port(cloud, namespace, host, plan.network.id, groups).id}],
            "user_data": b64encode(request.user_data.encode()).decode(),
            "config_drive": True,
            "metadata": metadata(namespace, pool, host) | host_key_mark(request.host_key),
            "tags": server_tags(namespace, pool, host),
            "key_name": key,
            "scheduler_hints": {"group": apart} if apart else None,
        }
        order |= self._disks(cloud, request, plan)
        return {name: value for name, value in order.items() if value is not None}

    def _disks(self, cloud: Connection, request: ServerRequest, plan: Plan) -> dict:
        if not plan.volumes:
            return {}
        disks, rooted = [], False
        for spec in plan.volumes:
            rooted |= spec.role == "root"
            disks.append(self._disk(cloud, request, spec, plan.image))
        if rooted:
            return {"block_device_mapping": disks, "image_id": None}
        image = {"uuid": plan.image.id, "source_type": "image", "destination_type": "local", "boot_index": 0}
        return {"block_device_mapping": [image | {"delete_on_termination": True}, *disks]}

    def _disk(self, cloud: Connection, request: ServerRequest, spec: VolumeSpec, image: Image) -> dict:
        source = VolumeSpec(spec.role, spec.size, spec.kind, image=image.id) if spec.role == "root" else spec
        return attachment(ensure_volume(cloud, self.namespace, request, source), spec)


def remove_rest(cloud: Connection, namespace: str, host: str, pools: set[str]) -> None:
    """Remove all that came with the server; and of these pools, where it was the last host, what their hosts shared."""
    remove_parts(cloud, namespace, host)
    for pool in pools:
        if not has_servers(cloud, namespace, pool):
            remove_shared(cloud, namespace, pool)
