"""What of a pool's settings is on its hosts themselves: those in service get a change by being configured again.

But for the networks of their engines, which an engine keeps while sessions run on it.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, ip_network

from pool.errors import BadRequest
from pool.faults import read_each

#: To be raised when hosts in service, too, are to get what the playbook does differently.
PLAYBOOK_VERSION = 3  # the role firewall closes networks, and the role network makes them
LEAST_BRIDGE, SMALLEST = 29, 30  # prefix lengths: a bridge of /29 has room for five sessions


def setup_version(blocked_networks: Iterable[str], image_registry: str, gpus: int = 0) -> str:
    """Digest of what a host is configured with: 12 hexadecimal digits, the same for every host of a pool."""
    told = [PLAYBOOK_VERSION, sorted(blocked_networks), image_registry, *([gpus] if gpus else [])]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def read_networks(lines: Iterable[str]) -> tuple[str, ...]:
    """Understand the networks that an operator listed, of IPv4 and IPv6.

    Raises:
        BadRequest: names each that is none, and says how it is written.
    """
    return tuple(read_each(_network, map(str.strip, lines)))


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        reason = f"DD_BLOCKED_NETWORKS: {text!r} is no network such as 10.20.0.0/16 or 2001:db8::/32: {error}"
        raise BadRequest(reason) from None


@dataclass(frozen=True)
class HostNetwork:
    """Networks of a host's engine; what is empty is the engine's choice."""

    bridge: str = ""  # address and network of the bridge that sessions are on, as in "172.17.0.1/16"
    address_pools: tuple[tuple[str, int], ...] = ()  # that other bridges get theirs from: network, and size of each


OF_THE_ENGINE = HostNetwork()


def read_bridge(text: str) -> str:
    """Understand the address and network of the bridge; empty: the engine's choice.

    Raises:
        BadRequest: it is none that a bridge can have.
    """
    if not text.strip():
        return ""
    wrong = BadRequest(f"DD_HOST_BRIDGE: {text!r} is no address with its network such as 172.17.0.1/16")
    try:
        bridge = IPv4Interface(text.strip())
    except ValueError:
        raise wrong from None
    network = bridge.network
    if "/" not in text or network.prefixlen > LEAST_BRIDGE or bridge.ip in (network[0], network[-1]):
        raise wrong
    return str(bridge)


def read_address_pools(lines: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Understand networks with the size of the bridges that are cut from them: "172.30.0.0/16:24".

    Raises:
        BadRequest: names each that is none.
    """
    return tuple(read_each(_pool, map(str.strip, lines)))


def _pool(text: str) -> tuple[str, int]:
    wrong = BadRequest(f"DD_HOST_ADDRESS_POOLS: {text!r} is no network with a size such as 172.30.0.0/16:24")
    parts = re.fullmatch(r"([0-9./]+):([0-9]{1,2})", text, re.ASCII)
    try:
        network = IPv4Network(parts[1]) if parts and "/" in parts[1] else None
    except ValueError:
        raise wrong from None
    if not network or not parts or not network.prefixlen <= int(parts[2]) <= SMALLEST:
        raise wrong
    return str(network), int(parts[2])
