"""Addresses that browsers use, in the form that browsers send: scheme and host in lower case, IDNA, no default port."""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

import idna

from pool.errors import BadRequest

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_OF_REGISTRIES = ("", "v1", "v2")  # paths that tools write behind a registry's name


def canonical_url(text: str) -> str:
    """Return an address of ours as browsers spell it, without a slash at the end.

    Raises:
        BadRequest: it is no http or https address, or has more than a host, a port and a path.
    """
    parts = _split(text)
    host, port = canonical_host(parts.hostname or ""), parts.port
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{_port(parts.scheme, port)}{parts.path.rstrip('/')}"


def canonical_host(text: str) -> str:
    """Return a host's name as it is in a certificate and a Host header: "xn--bcher-kva.example", "2001:db8::1".

    Raises:
        BadRequest: it cannot be a host's name.
    """
    if ":" in text:
        return _ipv6(text)
    name = text.rstrip(".").lower()
    if _PLAIN.fullmatch(name):
        return name
    try:
        return idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise BadRequest(f"{text[:80]!r} cannot be the name of a host") from error


def registry_address(text: str) -> str:
    """Return a registry's host and port as they stand in references: no scheme, no path, lower case, the name in IDNA.

    Raises:
        BadRequest: it is none, or is reached by plain HTTP.
    """
    if not text.strip():
        return ""
    shown = repr(text[:80]) if "@" not in text else "what is given"  # there may be a password before the @
    wrong = BadRequest(f"{shown} is no address of a registry such as registry.example:5000")
    try:
        parts = urlsplit("//" + re.sub("^https://", "", text.strip(), flags=re.IGNORECASE))
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError as error:
        raise wrong from error
    extra = parts.username is not None or parts.query or parts.fragment or parts.path.strip("/") not in _OF_REGISTRIES
    if extra or not parts.hostname:
        raise wrong
    host = canonical_host(parts.hostname)
    return f"[{host}]{port}" if ":" in host else f"{host}{port}"


def listening_address(text: str) -> str:
    """Return an address to listen on: "*" stands for all of IPv4, one of IPv6 has no brackets.

    Raises:
        BadRequest: it can be neither an address nor the name of a host.
    """
    bare = text.strip().removeprefix("[").removesuffix("]")
    return "0.0.0.0" if bare == "*" else canonical_host(bare)  # noqa: S104 - as the operator says


def authority(host: str, port: int) -> str:
    """Return host and port as they stand in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(text: str) -> SplitResult:
    shown = repr(text[:80]) if "@" not in text else "what is given"  # there may be a password before the @
    wrong = BadRequest(f"{shown} is no address such as https://notebooks.example.org")
    try:
        parts = urlsplit(text.strip())
        usable = parts.port != 0 and parts.hostname and parts.scheme in _DEFAULT_PORTS
    except ValueError as error:
        raise wrong from error
    if not usable or parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise wrong
    return parts


def _port(scheme: str, port: int | None) -> str:
    return "" if port is None or port == _DEFAULT_PORTS[scheme] else f":{port}"


def _ipv6(text: str) -> str:
    try:
        return IPv6Address(text).compressed
    except ValueError as error:
        raise BadRequest(f"{text[:80]!r} cannot be the name of a host") from error
