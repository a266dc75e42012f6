"""Ports of loopback for what the tests start."""

import random
import socket
from collections import deque
from itertools import islice

SERVERS = range(14200, 15200)  # below those that the kernel hands out by itself
#: The ports that this process took last. Names of abstract sockets, which are gone with it, keep other lanes' tests
#: from taking a port before the server that it is for listens; so many servers have come up long since.
_taken: deque[socket.socket] = deque(maxlen=30)


def free_port(among: range = SERVERS) -> int:
    """A port that no process listens on."""
    return free_ports(1, among)[0]


def free_ports(count: int, among: range = SERVERS) -> list[int]:
    """So many of them, each another, taken at random: tests run beside each other."""
    found = list(islice(filter(_take, random.sample(among, len(among))), count))
    assert len(found) == count, f"not {count} of the ports from {among[0]} to {among[-1]} are free"
    return found


def _take(port: int) -> bool:
    """Whether no process listens there, nor has just taken it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
        claim.bind(f"\0dockerdriver-test-port-{port}")
    except OSError:
        claim.close()
        return False
    if len(_taken) == _taken.maxlen:
        _taken.popleft().close()
    _taken.append(claim)
    return True
