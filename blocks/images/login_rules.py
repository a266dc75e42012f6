"""Where a registry's login may go: to the registry that it is for, and over TLS."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from blocks.engine.client import HostEngine
from pool.errors import Refused
from pool.images.names import DOCKER_HUB, read_name

LOCAL = "localhost/"  # the catalogue takes it for no registry; an engine does not
Address = IPv4Address | IPv6Address


def registry_of(reference: str) -> str:
    """Return the registry that engines take an image to be in: "localhost:5000" of "localhost:5000/team/lab".

    Raises:
        BadRequest: it is no reference.
    """
    if reference.lower().startswith(LOCAL):
        return LOCAL.rstrip("/")
    return read_name(reference).domain or DOCKER_HUB


def refuse_plain_http(engine: HostEngine, registry: str) -> None:
    """Refuse to have an engine send a login to a registry that it speaks plain HTTP with, unless it is on this machine.

    Raises:
        Refused: the engine counts the registry among its insecure ones.
    """
    addresses = _addresses(registry)
    if addresses and all(address.is_loopback for address in addresses):
        return
    with engine.client("say which registries it trusts") as client:
        config = client.info().get("RegistryConfig") or {}
    if _is_insecure(registry, addresses, config):
        raise Refused(
            f"no login is sent to registry {registry}: this machine's Docker Engine has it among its"
            " insecure-registries, and would send it over plain HTTP; give the registry a certificate"
        )


def _is_insecure(registry: str, addresses: Sequence[Address], config: dict) -> bool:
    named = (config.get("IndexConfigs") or {}).get(registry) or {}
    networks = [ip_network(one, strict=False) for one in config.get("InsecureRegistryCIDRs") or []]
    return named.get("Secure") is False or any(address in network for address in addresses for network in networks)


def _addresses(registry: str) -> list[Address]:
    """Addresses behind the registry's name, as the engine resolves it; none when it has none: then nothing is sent."""
    host = urlsplit(f"//{registry}").hostname or ""
    try:
        return [ip_address(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, ValueError):
        return []
