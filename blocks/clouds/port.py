"""The port to a cloud: create, find, list, delete, console log; and images made of hosts.

Three implementations keep one contract suite (``tests/contract/clouds/test_cloud.py``): ``local`` (system containers on
the machine's own engine), ``static`` (machines that the operator lists) and ``openstack``.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum

from prefect.blocks.core import Block

from pool.hosts.host_images import HostImage
from pool.housekeeping.orphans import CloudPart
from pool.records import Headroom


class ServerStatus(StrEnum):
    """What the cloud says of a server."""

    BUILD = "build"
    ACTIVE = "active"
    STOPPED = "stopped"
    ERROR = "error"
    DELETING = "deleting"


@dataclass(frozen=True)
class ServerRequest:
    """What a host needs of its cloud."""

    host: str  # the host's name in the pool's records
    pool: str
    flavor: str  # the cloud's name for the size
    image: str  # name or id of what to boot
    user_data: str = field(repr=False)  # "#cloud-config …": host keys and login key; secret, never logged
    host_key: str = ""  # "ssh-ed25519 AAAA…": the public half of the host key in the user data
    slots: int = 0
    data_volume_gb: int = 0  # 0: none


@dataclass(frozen=True)
class Server:
    """One server, as the cloud describes it."""

    id: str
    host: str  # the host's name, read back from name, tags or labels
    pool: str
    status: ServerStatus
    address: str | None = None
    fault: str = ""  # the cloud's own words, when status is ERROR
    host_key: str | None = None  # "ssh-ed25519 AAAA…" where the cloud knows which key this very machine has


class Cloud(Block):
    """Where hosts come from.

    Every server that is made carries the namespace, the pool and the host's name, so that it is found again after any
    crash. All calls block; none holds a lock.
    """

    _block_type_name = "Cloud port"

    @property
    def data_device(self) -> str:
        """Where a host sees the data volume that it asked for; empty where this cloud makes none."""
        return ""

    def headroom(self, flavor: str, data_volume_gb: int = 0) -> Headroom | None:  # noqa: ARG002 - for clouds with a limit
        """How many more hosts of this flavor the cloud allows; None where it knows no limit.

        Args:
            flavor: the cloud's name for the size.
            data_volume_gb: size of the data volume that each of them gets; 0: none.

        Raises:
            CloudRefused: there is no such flavor.
            CloudTrouble: the cloud could not be asked.
        """
        return None

    @abstractmethod
    def create(self, request: ServerRequest) -> Server:
        """Make the server, or return the one that already carries the host's name.

        Raises:
            CloudRefused: unknown flavor or image, quota, no permission: asking again will not help.
            CloudTrouble: the cloud failed; asking again may help. Nothing new is left behind that find() cannot see.
        """

    @abstractmethod
    def find(self, host: str) -> Server | None:
        """Return the server of this host, or None when the cloud says that there is none.

        Raises:
            CloudTrouble: the cloud could not be asked. Unknown is not gone.
        """

    @abstractmethod
    def list_servers(self) -> list[Server]:
        """Every server of this namespace, of all pools, in one request."""

    @abstractmethod
    def delete(self, host: str) -> None:  # type: ignore[override]  # a block's own: no cloud is deleted by name here
        """Ask for the server, and all that came with it, to be deleted; absent is success. find() proves it gone."""

    @abstractmethod
    def console_log(self, host: str, lines: int = 20) -> str:
        """Return the last lines of the server's console; empty when there is none."""

    @abstractmethod
    def parts(self) -> tuple[CloudPart, ...]:
        """All that carries the namespace's mark, of all pools: servers, and all that came with them or is shared.

        Raises:
            CloudTrouble: the cloud could not be asked.
        """

    @abstractmethod
    def remove_part(self, part: CloudPart) -> None:
        """Remove one of these; absent is success.

        Raises:
            CloudTrouble: something still uses it.
        """

    def own_machines(self) -> list[Server]:
        """List machines that the manager logs in to whether or not a host is on them; most clouds have none."""
        return []

    def check_snapshots(self) -> None:
        """Say whether this cloud, as it is set up, makes images of its hosts.

        Raises:
            CloudRefused: it does not; the message says why.
        """

    @abstractmethod
    def image_id(self, image: str) -> str:
        """Return what is behind a name now: it changes when another image gets the name.

        Raises:
            CloudRefused: no image has this name or id.
        """

    @abstractmethod
    def snapshot(self, host: str, name: str, recipe: str) -> HostImage:
        """Switch the host off and make an image of its disk, ready to boot from; or return the one of that name.

        Args:
            host: one that will not serve again.
            name: of the image.
            recipe: written on it, see `pool.hosts.host_images`.

        Raises:
            CloudRefused: the cloud makes none, or an image of that name is not ours.
            CloudTrouble: it failed; what is left of it is in snapshots(), not ready.
        """

    @abstractmethod
    def snapshots(self) -> list[HostImage]:
        """Every image that snapshot() made in this namespace, of all pools, in one request."""

    @abstractmethod
    def delete_snapshot(self, image: HostImage) -> None:
        """Delete one of these; absent is success.

        Raises:
            CloudTrouble: hosts still need it.
        """
