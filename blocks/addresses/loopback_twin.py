"""The other address under which a server of this machine is looked for: ``localhost`` is 127.0.0.1 and ::1.

Browsers try ::1 first, for all names below ``localhost`` too. Where a server listens on 127.0.0.1 alone, any account
may listen on the same port of ::1, and is given what was meant for the server: links, cookies, passwords.
"""

import errno
import socket

from pool.errors import Refused

TWINS = {"127.0.0.1": "::1", "::1": "127.0.0.1", "0.0.0.0": "::", "::": "0.0.0.0"}  # noqa: S104 - nothing is served there
NOT_THERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def take_twin(address: str, port: int) -> socket.socket | None:
    """Take the port of the other address, and answer nothing there: a browser is refused, and tries the right one.

    Args:
        address: that the server listens on.
        port: that it listens on.

    Returns:
        The socket. It holds the port for as long as it is open, also in the program that this process becomes. None:
        there is no other address, or this machine does not have it.

    Raises:
        Refused: another process has the port.
    """
    twin = TWINS.get(address)
    if twin is None:
        return None
    family = socket.AF_INET6 if ":" in twin else socket.AF_INET
    try:
        held = socket.socket(family)
    except OSError:
        return None
    try:
        if family is socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((twin, port))  # without SO_REUSEADDR: a second one would be let in beside it
    except OSError as error:
        held.close()
        if error.errno in NOT_THERE:
            return None
        why = f"port {port} of {twin} is taken, where browsers look for localhost first: {error.strerror}"
        raise Refused(why) from None
    held.set_inheritable(True)
    return held
