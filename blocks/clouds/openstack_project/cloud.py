"""Hosts as servers of an OpenStack project."""

from collections.abc import Iterator
from contextlib import contextmanager

from openstack.compute.v2.server import Server as NovaServer
from openstack.connection import Connection
from openstack.exceptions import ConflictException, NotFoundException
from pydantic import Field

from blocks.clouds.console import last_words
from blocks.clouds.openstack_project.catalogue import get_flavor, get_image
from blocks.clouds.openstack_project.errors import translate_errors
from blocks.clouds.openstack_project.login.clients import connect, forget_logins
from blocks.clouds.openstack_project.login.credentials import OpenStackCredentials
from blocks.clouds.openstack_project.making import ServerMaker, remove_rest
from blocks.clouds.openstack_project.parts import VolumeSpec
from blocks.clouds.openstack_project.quota import headroom_of, limits_of
from blocks.clouds.openstack_project.readiness import Finding, Needs, examine
from blocks.clouds.openstack_project.servers import all_servers, delete_and_wait, servers_of, to_server
from blocks.clouds.openstack_project.shared import shared_pools
from blocks.clouds.openstack_project.snapshots import delete_image, images_made, make_image
from blocks.clouds.openstack_project.sweep import all_parts, remove_from_project
from blocks.clouds.port import Cloud, Server, ServerRequest
from blocks.field_types import Texts
from blocks.settings import process_settings
from blocks.stored.pictures.kinds import picture_of_its_kind
from pool.errors import CloudRefused
from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart
from pool.records import Headroom


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
        with self._asking(f"make host {request.host}") as cloud:
            return to_server(self._maker.make(cloud, request, self._volumes(request.data_volume_gb)))

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
            remove_rest(cloud, self._namespace, host, pools or shared_pools(cloud, self._namespace))

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

    @property
    def _maker(self) -> ServerMaker:
        return ServerMaker(
            namespace=self._namespace,
            network=self.DD_HOST_NETWORK,
            master_group=self.DD_HOST_MASTER_SG,
            extra_groups=tuple(self.DD_HOST_EXTRA_SGS),
            public_key=self.public_key,
        )

    @contextmanager
    def _asking(self, doing: str) -> Iterator[Connection]:
        """Lend a client for one call of the port, and translate errors into one sentence."""
        try:
            with translate_errors(doing):
                yield connect(self.credentials)
        except CloudRefused:
            forget_logins()
            raise

    def _volumes(self, data_gb: int) -> tuple[VolumeSpec, ...]:
        kind, device = self.DD_HOST_DATA_VOLUME_TYPE, self.DD_HOST_DATA_VOLUME_DEVICE
        root = VolumeSpec("root", self.DD_HOST_ROOT_VOLUME_SIZE, kind)
        data = VolumeSpec("data", data_gb, kind, device)
        return tuple(spec for spec in (root, data) if spec.size)

    def _console(self, cloud: Connection, server: NovaServer, lines: int) -> str:
        try:
            text = cloud.compute.get_server_console_output(server, length=lines)["output"] or ""
        except (NotFoundException, ConflictException):  # nothing runs there yet
            return ""
        return last_words(text, lines)
