"""The machine's proxies as every process of the stack gets them.

Prefect's clients read all of it before their first request, also to loopback, and fail at one word that they cannot
read: ``[::1]`` in NO_PROXY, say, or a proxy that speaks SOCKS. So words are written as all clients read them, and what
there is no such word for is left out, and told.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, IPv6Network
from urllib.parse import urlsplit

from pool.errors import BadRequest
from pool.origins import canonical_host

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_PAST = "no_proxy"
_SPOKEN = ("http", "https")
_NAME = re.compile(r"(?:[a-z]+://)?[A-Za-z0-9._*<>-]+(?::[0-9]{1,5})?(?:/[0-9.]*)?")
_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")


def without_unreadable(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with proxies that every client reads; clients read the one spelling or the other.

    What no proxy is asked for holds the stack's own servers, on loopback.
    """
    names = [written for word in _words(environment) if (written := _written(word))]
    past = "*" if "*" in names else ",".join(dict.fromkeys([*names, *LOOPBACK]))
    kept = {name: value for name, value in environment.items() if not _is_left_out(name, value)}
    return kept | {_PAST.upper(): past, _PAST: past}


def left_out(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each thing that is left out. A proxy's address may hold a password: it is not shown."""
    because = "the stack's clients cannot read it, and is not passed on"
    proxies = (f"{name}: {because}; write http://host:port" for name, v in environment.items() if _is_left_out(name, v))
    words = (f"NO_PROXY: {word[:60]!r}: {because}" for word in _words(environment) if not _written(word))
    return [*proxies, *dict.fromkeys(words)]


def _is_left_out(name: str, value: str) -> bool:
    if name.lower() not in _PROXIES or not value:
        return False
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return not (parts.scheme in _SPOKEN and parts.hostname and parts.port != 0)
    except ValueError:
        return True


def _words(environment: Mapping[str, str]) -> Iterator[str]:
    for name in (_PAST.upper(), _PAST):
        yield from filter(None, re.split(r"[\s,;]+", environment.get(name, "")))


def _written(word: str) -> str:
    """Return the word as all clients read it; empty where there is no such word."""
    bare = _BRACKETS.sub(r"\1", word)
    if ":" in bare and not _NAME.fullmatch(bare):
        return _ipv6(bare)
    if not bare.isascii():
        return _in_ascii(bare)
    return bare if _NAME.fullmatch(bare) else ""


def _ipv6(text: str) -> str:
    """Return an address; a network that is more than one is no word for Prefect's clients."""
    try:
        network = IPv6Network(text) if "/" in text else IPv6Network(IPv6Address(text))
    except ValueError:
        return ""
    return str(network.network_address) if network.num_addresses == 1 else ""


def _in_ascii(text: str) -> str:
    name = text.lstrip("*.")
    try:
        return text.removesuffix(name) + canonical_host(name)
    except BadRequest:
        return ""
