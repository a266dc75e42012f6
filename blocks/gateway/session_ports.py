"""Which accounts of this machine connect to the ports of sessions: root, who manages them, and the gateway's workers.

Hosts take connections from the manager, whichever account makes them, and not every session's program asks who comes.
The kernel's filter knows which account a connection is of.
"""

import shlex
import shutil
import subprocess
from collections.abc import Iterable
from ipaddress import ip_network

from pool.errors import GatewayTrouble
from pool.records import SESSION_PORTS

CHAIN = "OUTPUT"
ROOT = "root"


def keep_others_out(networks: Iterable[str], gateway: str, mark: str) -> None:
    """Refuse the connections of all other accounts; again is harmless, and other networks take the place of these.

    Args:
        networks: where hosts are, as in "10.0.0.0/8"; those of IPv6 are passed over. None: every account is let in.
        gateway: account of the gateway's workers.
        mark: name of the installation, by which its rules are found.

    Raises:
        GatewayTrouble: the filter does not take it; the message is its own.
    """
    let_others_in(mark)
    for network in networks:
        if ip_network(network, strict=False).version == 4:
            _filter("--insert", CHAIN, *_rule(network, gateway, mark))


def let_others_in(mark: str) -> None:
    """Remove the rules of an installation; absent is success.

    Raises:
        GatewayTrouble: the filter does not do it; the message is its own.
    """
    if not shutil.which("iptables"):
        return
    for line in _filter("--list-rules", CHAIN).splitlines():
        words = shlex.split(line)
        if words[0] == "-A" and mark in words:
            _filter("--delete", *words[1:])


def _rule(network: str, gateway: str, mark: str) -> list[str]:
    neither = [word for account in (ROOT, gateway) for word in ("-m", "owner", "!", "--uid-owner", account)]
    ports = f"{SESSION_PORTS[0]}:{SESSION_PORTS[-1]}"
    what = ["-d", network, "-p", "tcp", "--dport", ports, *neither, "-m", "comment", "--comment", mark]
    return [*what, "-j", "REJECT", "--reject-with", "tcp-reset"]


def _filter(*words: str) -> str:
    try:
        done = subprocess.run(["iptables", "--wait", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise GatewayTrouble("there is no iptables on this machine") from None
    if done.returncode:
        raise GatewayTrouble(f"iptables says: {' '.join(done.stderr.split())[:200]}")
    return done.stdout
