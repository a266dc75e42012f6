"""What a session may open connections to, beside what none may: everything, nothing, or what its blueprint lists."""

from collections.abc import Iterable
from ipaddress import IPv4Network

from pool.errors import BadRequest
from pool.faults import read_each

OPEN, CLOSED, LIST = "open", "closed", "list"
MOST_LISTED = 100  # each is a rule on every host
MOST_PORT = 65535


def read_listed(lines: Iterable[str]) -> tuple[str, ...]:
    """Understand what sessions may reach: networks and addresses of IPv4, each also with one TCP port.

    Returns:
        Each once, in order, in one spelling: "10.20.0.0/16", "192.0.2.7/32:443".

    Raises:
        BadRequest: names each that is none, and says how it is written; or says that there are too many.
    """
    listed = sorted({*read_each(_place, map(str.strip, lines))})
    if len(listed) > MOST_LISTED:
        raise BadRequest(f"network_list: {len(listed)} networks; there may be {MOST_LISTED}")
    return tuple(listed)


def check_network(network: str, listed: Iterable[str]) -> None:
    """Refuse a list that counts for nothing, and a choice that wants one and has none.

    Raises:
        BadRequest: says what to change.
    """
    if network == LIST and not [*listed]:
        raise BadRequest("network: list needs a network or an address in network_list; closed reaches nothing")
    if network != LIST and [*listed]:
        raise BadRequest(f"network_list counts with network: list alone, and network is {network}")


def _place(text: str) -> str:
    network, colon, port = text.partition(":")
    try:
        place = str(IPv4Network(network))
    except ValueError:
        raise _wrong(text) from None
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        raise _wrong(text)
    return place + colon + str(int(port or 0)) if colon else place


def _wrong(text: str) -> BadRequest:
    return BadRequest(
        f"network_list: {text[:80]!r} is no network or address of IPv4, with or without a TCP port,"
        " such as 10.20.0.0/16 or 192.0.2.7:443"
    )
