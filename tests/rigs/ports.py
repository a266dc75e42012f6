"""Ports of loopback for what the tests start."""

import contextlib
import random
import socket
from itertools import islice

SERVERS = range(14200, 15200)  # below those that the kernel hands out by itself


def free_port(among: range = SERVERS) -> int:
    """A port that no process listens on."""
    return free_ports(1, among)[0]


def free_ports(count: int, among: range = SERVERS) -> list[int]:
    """So many of them, each another, taken at random: tests run beside each other."""
    found = list(islice(filter(_is_free, random.sample(among, len(among))), count))
    assert len(found) == count, f"not {count} of the ports from {among[0]} to {among[-1]} are free"
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
