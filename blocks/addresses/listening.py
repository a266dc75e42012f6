"""Which account listens on a port of this machine: a password is for our servers, not for whichever took their port."""

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pool.errors import Refused

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENS = "0A"
HERE = ("0100007F", "0" * 8, "0" * 32)  # 127.0.0.1, and all addresses, as the kernel writes them
ROOT = 0


def refuse_strangers(port: int, account: str = "") -> None:
    """Return where one of our accounts listens on this port of 127.0.0.1, or no process does.

    Args:
        port: TCP port.
        account: that our server runs as; root and the one that asks are ours anyway.

    Raises:
        Refused: another account does.
    """
    ours = {ROOT, os.geteuid()}
    with suppress(KeyError):  # there is none of this name yet
        ours |= {pwd.getpwnam(account).pw_uid} if account else set()
    if strangers := {uid for uid in _owners(port) if uid not in ours}:
        raise Refused(
            f"port {port} of this machine has been taken by account {min(strangers)}, who is told no password:"
            " end its program, and give the API a new password"
        )


def _owners(port: int) -> Iterator[int]:
    for table in TABLES:
        with suppress(FileNotFoundError):  # without IPv6
            for line in table.read_text().splitlines()[1:]:
                words = line.split()
                address, _, its_port = words[1].partition(":")
                if words[3] == LISTENS and int(its_port, 16) == port and address in HERE:
                    yield int(words[7])
