"""Whether an OpenStack project has what a pool needs, found out without making anything."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from openstack.connection import Connection

from blocks.clouds.openstack_project.catalogue import (
    get_flavor,
    get_flavors,
    get_image,
    get_network,
    listed,
    pick,
    project_groups,
)
from blocks.clouds.openstack_project.errors import translate_errors
from blocks.clouds.openstack_project.parts import VolumeSpec, check_volumes
from blocks.clouds.openstack_project.quota import headroom_of, limits_of
from blocks.clouds.openstack_project.servers import all_servers
from pool import marks
from pool.errors import CloudRefused, CloudTrouble
from pool.printable import how_many


@dataclass(frozen=True)
class Finding:
    """What one check found out. Without a problem, all is well."""

    what: str
    says: str
    problem: bool = False
    fix: str = ""


@dataclass(frozen=True)
class Needs:
    """What a pool needs of the project."""

    image: str
    flavors: tuple[str, ...]
    network: str
    master_group: str
    extra_groups: tuple[str, ...]
    volumes: tuple[VolumeSpec, ...]
    hosts: int  # at most, and all of the last flavor
    namespace: str
    pool: str


Check = tuple[str, Callable[[Connection, Needs], str], str]


def examine(cloud: Connection, needs: Needs) -> Iterator[Finding]:
    """Check one thing after the other; without a login nothing else is checked."""
    login, *others = CHECKS
    first = _found(login, cloud, needs)
    yield first
    if not first.problem:
        yield from (_found(check, cloud, needs) for check in others)


def _found(check: Check, cloud: Connection, needs: Needs) -> Finding:
    what, look, fix = check
    try:
        with translate_errors(f"check the {what}"):
            return Finding(what, look(cloud, needs))
    except (CloudRefused, CloudTrouble) as error:
        return Finding(what, str(error), problem=True, fix=fix)


def _login(cloud: Connection, needs: Needs) -> str:  # noqa: ARG001 - all checks take the same
    region = f", region {cloud.config.region_name}" if cloud.config.region_name else ""
    return f"project {cloud.current_project.name or cloud.current_project_id}{region}"


def _image(cloud: Connection, needs: Needs) -> str:
    return f"{needs.image} is {get_image(cloud, needs.image).id}"


def _flavors(cloud: Connection, needs: Needs) -> str:
    found = get_flavors(cloud, needs.flavors)
    return "; ".join(f"{flavor.name}: {how_many(flavor.vcpus, 'core')}, {flavor.ram} MB" for flavor in found)


def _network(cloud: Connection, needs: Needs) -> str:
    network = get_network(cloud, needs.network)
    if not network.subnet_ids:
        raise CloudRefused(f"network {network.name} has no subnet, so a host would get no address")
    versions = {subnet.ip_version for subnet in cloud.network.subnets(network_id=network.id)}
    return f"{network.name} is {network.id}, {addresses_served(network.name, versions)}, MTU {network.mtu or 'unknown'}"


def addresses_served(network: str, versions: Collection[int]) -> str:
    """Say by which addresses hosts in this network are reached; they and their sessions need one of IPv4.

    Raises:
        CloudRefused: it has subnets of IPv6 alone.
    """
    if 4 not in versions:
        raise CloudRefused(
            f"network {network} has subnets of IPv6 alone: a session's port would be published on an IPv6 address,"
            " which its container does not have"
        )
    return "hosts are reached by IPv4, not by the IPv6 that it has as well" if len(versions) > 1 else "IPv4"


def _groups(cloud: Connection, needs: Needs) -> str:
    groups = project_groups(cloud)
    return listed(pick("security group", name, groups) for name in (needs.master_group, *needs.extra_groups))


def _volumes(cloud: Connection, needs: Needs) -> str:
    check_volumes(cloud, needs.volumes)
    return ", ".join(f"{spec.role}: {spec.size} GB" for spec in needs.volumes) or "none asked for"


def _quota(cloud: Connection, needs: Needs) -> str:
    room = headroom_of(cloud, limits_of(cloud), get_flavor(cloud, needs.flavors[-1]), needs.volumes)
    there = sum(server.metadata.get(marks.POOL) == needs.pool for server in all_servers(cloud, needs.namespace))
    if room and there + room.hosts < needs.hosts:
        could = f"{there + room.hosts} of {how_many(needs.hosts, 'host')} of flavor {needs.flavors[-1]}"
        raise CloudRefused(f"quota: {could}: {room.because}")
    return f"room for {how_many(needs.hosts, 'host')} of flavor {needs.flavors[-1]}"


CHECKS: tuple[Check, ...] = (
    ("login", _login, "give the cloud's name (OS_CLOUD, or the field cloud of the credentials) and a right password"),
    ("image", _image, "set DD_HOST_IMAGE to one of these, or upload a Debian or Ubuntu cloud image by that name"),
    ("flavors", _flavors, "set DD_HOST_FLAVOR_NAME_SMALL and DD_HOST_FLAVOR_NAME_LARGE to two of these"),
    ("network", _network, "set DD_HOST_NETWORK to a network of the project with a subnet of IPv4, by name or id"),
    (
        "security groups",
        _groups,
        "make the group (openstack security group create NAME), put the machine that runs DockerDriver into it, and"
        " name it in DD_HOST_MASTER_SG",
    ),
    ("volumes", _volumes, "choose a type that there is, or set DD_HOST_DATA_VOLUME_FACTOR to 0"),
    ("quota", _quota, "ask the cloud's operators for more, or lower DD_MAX_HOSTS"),
)
