"""The network that the local cloud's hosts share: one bridge of the machine's engine, one /24, one address per host."""

import time
import zlib
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from pool import marks
from pool.errors import CloudRefused, CloudTrouble

TRIES = 25
PAUSE = 0.2  # seconds between tries: a network that another process is just making is listed a moment later


def free_subnet(address_range: IPv4Network, taken: Collection[IPv4Network], start: str) -> IPv4Network:
    """Return the first /24 of the range that overlaps with no taken one, searching from an offset that *start* decides.

    The same question has the same answer, so that two creators of one network ask the engine for the same subnet and
    the engine refuses the second.

    Raises:
        CloudRefused: every /24 of the range is taken.
    """
    subnets = list(address_range.subnets(new_prefix=24))
    first = zlib.crc32(start.encode()) % len(subnets)
    for subnet in subnets[first:] + subnets[:first]:
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise CloudRefused(f"every /24 of {address_range} is in use on this machine: give the local cloud another range")


def free_address(subnet: IPv4Network, taken: Collection[str]) -> str:
    """Return the lowest free address of the subnet; the first is the bridge's own.

    Raises:
        CloudRefused: the subnet is full.
    """
    for address in list(subnet.hosts())[1:]:
        if str(address) not in taken:
            return str(address)
    raise CloudRefused(f"every address of {subnet} belongs to a host")


def routed_networks(table: Path = Path("/proc/net/route")) -> list[IPv4Network]:
    """Return the networks that this machine has routes to, the default route aside."""
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    networks = [IPv4Network((_kernel_address(row[1]), _kernel_address(row[7]))) for row in rows]
    return [network for network in networks if network.prefixlen]


def _kernel_address(hexadecimal: str) -> str:
    return str(IPv4Address(bytes.fromhex(hexadecimal)[::-1]))


def ensure_network(engine: DockerClient, namespace: str, address_range: IPv4Network) -> Network:
    """Find or create the namespace's network; two callers at once get the same one.

    Raises:
        CloudRefused: no subnet of the range is free.
        CloudTrouble: the engine refused every try.
    """
    refusal = ""
    for _ in range(TRIES):
        if found := find_network(engine, namespace):
            return found
        try:
            return _create(engine, namespace, address_range)
        except APIError as error:  # the name or the subnet was taken while we chose: look again
            refusal = str(error.explanation)
            time.sleep(PAUSE)
    raise CloudTrouble(f"network {namespace} could not be made: {refusal}")


def find_network(engine: DockerClient, namespace: str) -> Network | None:
    """Return the namespace's network, or None."""
    networks = engine.networks.list(filters={"label": f"{marks.NAMESPACE}={namespace}"})
    return min(networks, key=lambda network: network.attrs["Created"], default=None)


def subnet_of(network: Network) -> IPv4Network:
    """Return the network's one subnet."""
    return IPv4Network(network.attrs["IPAM"]["Config"][0]["Subnet"])


def remove_network(engine: DockerClient, namespace: str) -> None:
    """Remove the namespace's network; absent is success, and the engine keeps one that a running host still uses."""
    network = find_network(engine, namespace)
    if network is None:
        return
    try:
        network.remove()
    except NotFound:
        return
    except APIError as error:
        if "active endpoints" not in str(error.explanation):
            raise


def _create(engine: DockerClient, namespace: str, address_range: IPv4Network) -> Network:
    taken = [*routed_networks(), *_engine_subnets(engine.networks.list())]
    subnet = free_subnet(address_range, taken, start=namespace)
    return engine.networks.create(
        namespace,
        driver="bridge",
        ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]),
        check_duplicate=True,
        labels={marks.NAMESPACE: namespace},
        # As behind a cloud's security group: a host is reached by the manager, not by its neighbours
        options={"com.docker.network.bridge.enable_icc": "false"},
    )


def _engine_subnets(networks: Iterable[Network]) -> list[IPv4Network]:
    configs = [config for network in networks for config in network.attrs["IPAM"]["Config"] or []]
    subnets = [ip_network(config["Subnet"], strict=False) for config in configs if "Subnet" in config]
    return [subnet for subnet in subnets if isinstance(subnet, IPv4Network)]
