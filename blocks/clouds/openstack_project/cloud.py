"""Hosts as servers of an OpenStack project."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from openstack.compute.v2.flavor import Flavor
from openstack.compute.v2.limits import AbsoluteLimits
from openstack.compute.v2.server import Server as NovaServer
from openstack.connection import Connection
from openstack.exceptions import ConflictException, NotFoundException
from openstack.image.v2.image import Image
from openstack.network.v2.network import Network
from openstack.network.v2.security_group import SecurityGroup
from pydantic import Field

from blocks.clouds.console import last_words
from blocks.clouds.openstack_project.catalogue import get_flavor, get_image, get_network, pick, project_groups
from blocks.clouds.openstack_project.credentials import OpenStackCredentials
from blocks.clouds.openstack_project.errors import translate_errors
from blocks.clouds.openstack_project.login import connect, forget_logins
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
from blocks.clouds.openstack_project.readiness import Finding, Needs, examine
from blocks.clouds.openstack_project.servers import (
    all_servers,
    delete_and_wait,
    has_servers,
    keep_oldest,
    servers_of,
    to_server,
)
from blocks.clouds.openstack_project.shared import (
    ensure_group,
    ensure_keypair,
    ensure_server_group,
    remove_shared,
    shared_pools,
    shared_resources_exist,
)
from blocks.clouds.openstack_project.snapshots import delete_image, images_made, make_image
from blocks.clouds.openstack_project.sweep import all_parts, remove_from_project
from blocks.clouds.port import Cloud, Server, ServerRequest
from blocks.field_types import Texts
from blocks.settings import process_settings
from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import CloudRefused, CloudTrouble
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart
from pool.records import Headroom

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


class OpenStackCloud(Cloud):
    """Servers of one OpenStack project, reached by their address in its network; none gets a public address."""

    _block_type_name = "OpenStack cloud"
    _block_type_slug = "openstack-cloud"
    _logo_url = picture_of_its_kind()
    _description = "Hosts are servers of an OpenStack project."

    credentials: OpenStackCredentials = Field(
        default_factory=OpenStackCredentials,
        description="Empty: the cloud of the environment (OS_CLOUD, OS_…).",
        title="Credentials",
    )
    namespace: str = Field(
        "", description="Marks what is made, as in teaching; empty: this installation's own name.", title="Namespace"
    )
    DD_HOST_NETWORK: str = Field(
        "auto", description="Network by name or id; auto: the project's only one.", title="Network (DD_HOST_NETWORK)"
    )
    DD_HOST_MASTER_SG: str = Field(
        "pb_server",
        description="Security group whose members may reach the hosts.",
        title="Security group with access (DD_HOST_MASTER_SG)",
    )
    DD_HOST_EXTRA_SGS: Texts = Field(
        [],
        description="More security groups of every host, by name or id, as in monitoring.",
        title="More security groups (DD_HOST_EXTRA_SGS)",
    )
    DD_HOST_ROOT_VOLUME_SIZE: int = Field(
        0,
        ge=0,
        description="GB of the root volume; 0: the flavor's own disk.",
        title="Root volume, in GB (DD_HOST_ROOT_VOLUME_SIZE)",
    )
    DD_HOST_DATA_VOLUME_TYPE: str = Field(
        "standard",
        description="Volume type; empty: the cloud's default.",
        title="Type of the data volume (DD_HOST_DATA_VOLUME_TYPE)",
    )
    DD_HOST_DATA_VOLUME_DEVICE: str = Field(
        "/dev/vdb",
        description="Where a host sees its data volume.",
        title="Device of the data volume (DD_HOST_DATA_VOLUME_DEVICE)",
        examples=["/dev/vdb"],
    )
    public_key: str = Field(
        "",
        description="Key of the cloud's default user, for emergencies, as in ssh-ed25519 AAAA…; empty: no keypair.",
        title="Emergency ssh key",
    )

    @property
    def data_device(self) -> str:
        """Where a host sees its data volume."""
        return self.DD_HOST_DATA_VOLUME_DEVICE

    def create(self, request: ServerRequest) -> Server:
        """Make the server and what comes with it, or return the one that is there. It is still being built."""
        with self._asking(f"make host {request.host}") as cloud, self._turn(request.host):
            return to_server(keep_oldest(cloud, self._namespace, request.host) or self._made(cloud, request))

    def find(self, host: str) -> Server | None:
        """Return the server of this host; when two processes made it at once, the older."""
        with self._asking(f"find host {host}") as cloud:
            found = servers_of(cloud, self._namespace, host)
        return to_server(found[0]) if found else None

    def list_servers(self) -> list[Server]:
        """Every server that carries the namespace's tag, in one request."""
        with self._asking("list the hosts") as cloud:
            return [to_server(server) for server in all_servers(cloud, self._namespace)]

    def delete(self, host: str) -> None:  # type: ignore[override]  # see Cloud
        """Delete the server, its port and its volumes, and with a pool's last host what its hosts shared.

        Raises:
            CloudTrouble: Nova could not delete the server, or has not after a minute; ask again.
        """
        with self._asking(f"delete host {host}") as cloud:
            pools = delete_and_wait(cloud, self._namespace, host)
            self._remove_rest(cloud, host, pools or shared_pools(cloud, self._namespace))

    def console_log(self, host: str, lines: int = 20) -> str:
        """Return the last lines of the server's console; empty when there is no server or no console yet."""
        with self._asking(f"read the console of host {host}") as cloud:
            for server in servers_of(cloud, self._namespace, host):
                return self._console(cloud, server, lines)
        return ""

    def headroom(self, flavor: str, data_volume_gb: int = 0) -> Headroom | None:
        """How many more hosts of this flavor, with their volumes, the project's quota allows; None: no limit."""
        with self._asking(f"ask for the quota of flavor {flavor}") as cloud:
            return headroom_of(cloud, limits_of(cloud), get_flavor(cloud, flavor), self._volumes(data_volume_gb))

    def readiness(
        self, image: str, flavors: tuple[str, ...], data_volume_gb: int, hosts: int, pool: str
    ) -> tuple[Finding, ...]:
        """Whether the project has what a pool needs; nothing is made.

        Args:
            flavors: names; the quota should have room for *hosts* of the last, with those that are there.

        Raises:
            CloudRefused: there are no credentials to ask with.
        """
        needs = Needs(
            image=image,
            flavors=flavors,
            network=self.DD_HOST_NETWORK,
            master_group=self.DD_HOST_MASTER_SG,
            extra_groups=tuple(self.DD_HOST_EXTRA_SGS),
            volumes=self._volumes(data_volume_gb),
            hosts=hosts,
            namespace=self._namespace,
            pool=pool,
        )
        with self._asking("look at the project") as cloud:
            return tuple(examine(cloud, needs))

    def parts(self) -> tuple[CloudPart, ...]:
        """All that carries the namespace's mark: servers, ports, volumes, host images half made, what hosts share."""
        with self._asking("list its resources") as cloud:
            return tuple(all_parts(cloud, self._namespace))

    def remove_part(self, part: CloudPart) -> None:
        """Remove one of these; absent is success."""
        with self._asking(f"remove {part}") as cloud:
            remove_from_project(cloud, part)

    def check_snapshots(self) -> None:
        """Refuse where hosts boot from a volume: Nova's image of such a server is empty and points at the volume."""
        if self.DD_HOST_ROOT_VOLUME_SIZE:
            raise CloudRefused("no image can be made of hosts with a root volume: set DD_HOST_ROOT_VOLUME_SIZE to 0")

    def image_id(self, image: str) -> str:
        """Glance's id of the image."""
        with self._asking(f"look for image {image}") as cloud:
            return get_image(cloud, image).id

    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:
        """Switch the server off and have Nova make an image of it."""
        with self._asking(f"make host image {name}") as cloud:
            return make_image(cloud, self._namespace, host, name, recipe)

    def snapshots(self) -> list[HostImage]:
        """All host images of the namespace, half-made ones too."""
        with self._asking("list the host images") as cloud:
            return images_made(cloud, self._namespace)

    def delete_snapshot(self, image: HostImage) -> None:
        """Delete it from Glance."""
        with self._asking(f"delete host image {image.name}") as cloud:
            delete_image(cloud, image)

    @property
    def _namespace(self) -> str:
        return self.namespace or process_settings().identity

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Connection]:
        """Lend a client for one call of the port, and translate errors into one sentence."""
        try:
            with translate_errors(doing):
                yield connect(self.credentials)
        except CloudRefused:
            forget_logins()
            raise

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        with _making:
            turn = _turns.setdefault((self._namespace, host), threading.Lock())
        with turn:
            yield

    def _plan(self, cloud: Connection, request: ServerRequest) -> Plan:
        groups = project_groups(cloud)
        plan = Plan(
            flavor=get_flavor(cloud, request.flavor),
            image=get_image(cloud, request.image),
            network=get_network(cloud, self.DD_HOST_NETWORK),
            master=pick("security group", self.DD_HOST_MASTER_SG, groups),
            extra=[pick("security group", name, groups) for name in self.DD_HOST_EXTRA_SGS],
            groups=groups,
            volumes=self._volumes(request.data_volume_gb),
            limits=limits_of(cloud),
        )
        check_volumes(cloud, plan.volumes)
        room = headroom_of(cloud, plan.limits, plan.flavor, plan.volumes)
        if room and room.hosts == 0:
            raise CloudRefused(f"cannot make host {request.host}: quota: {room.because}")
        return plan

    def _volumes(self, data_gb: int) -> tuple[VolumeSpec, ...]:
        kind, device = self.DD_HOST_DATA_VOLUME_TYPE, self.DD_HOST_DATA_VOLUME_DEVICE
        root = VolumeSpec("root", self.DD_HOST_ROOT_VOLUME_SIZE, kind)
        data = VolumeSpec("data", data_gb, kind, device)
        return tuple(spec for spec in (root, data) if spec.size)

    def _made(self, cloud: Connection, request: ServerRequest) -> NovaServer:
        plan, order = self._plan(cloud, request), {}
        try:
            with translate_errors(f"make host {request.host}"):
                order = self._order(cloud, request, plan)
                made = cloud.compute.create_server(**order)
        except CloudRefused as error:  # nothing was accepted; after any other error something may have been
            vanished = not shared_resources_exist(cloud, order)
            self._remove_rest(cloud, request.host, {request.pool})
            if vanished:
                raise CloudTrouble(f"what host {request.host} shares with its pool was removed meanwhile") from error
            raise
        return keep_oldest(cloud, self._namespace, request.host) or cloud.compute.get_server(made)

    def _order(self, cloud: Connection, request: ServerRequest, plan: Plan) -> dict:
        """Compose the request to Nova. What the server needs is found or created first."""
        namespace, pool, host = self._namespace, request.pool, request.host
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
        return attachment(ensure_volume(cloud, self._namespace, request, source), spec)

    def _remove_rest(self, cloud: Connection, host: str, pools: set[str]) -> None:
        """All that came with the server; and of these pools, where it was the last host, what their hosts shared."""
        remove_parts(cloud, self._namespace, host)
        for pool in pools:
            if not has_servers(cloud, self._namespace, pool):
                remove_shared(cloud, self._namespace, pool)

    def _console(self, cloud: Connection, server: NovaServer, lines: int) -> str:
        try:
            text = cloud.compute.get_server_console_output(server, length=lines)["output"] or ""
        except (NotFoundException, ConflictException):  # nothing runs there yet
            return ""
        return last_words(text, lines)
