"""What of a pool's settings is on its hosts themselves: those in service get a change by being configured again."""

import hashlib
import json
from collections.abc import Iterable
from ipaddress import ip_network

from pool.errors import BadRequest

#: To be raised when hosts in service, too, are to get what the playbook does differently.
PLAYBOOK_VERSION = 1


def setup_version(blocked_networks: Iterable[str], image_registry: str, gpus: int = 0) -> str:
    """Digest of what a host is configured with: 12 hexadecimal digits, the same for every host of a pool."""
    told = [PLAYBOOK_VERSION, sorted(blocked_networks), image_registry, *([gpus] if gpus else [])]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def read_networks(lines: Iterable[str]) -> tuple[str, ...]:
    """Understand the networks that an operator listed, of IPv4 and IPv6.

    Raises:
        BadRequest: names the one that is none, and says how it is written.
    """
    return tuple(_network(line.strip()) for line in lines)


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        reason = f"DD_BLOCKED_NETWORKS: {text!r} is no network such as 10.20.0.0/16 or 2001:db8::/32: {error}"
        raise BadRequest(reason) from None
