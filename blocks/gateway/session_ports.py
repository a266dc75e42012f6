"""Which accounts of this machine connect to the ports of sessions: root, who manages them, and installations' own.

Hosts take connections from the manager, whichever account makes them, and not every session's program asks who comes.
The kernel's filter knows which account a connection is of.
"""

import pwd
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from ipaddress import ip_network

from pool.errors import GatewayTrouble
from pool.records import SESSION_PORTS

CHAIN = "OUTPUT"
ROOT = "root"


def keep_others_out(networks: Iterable[str], gateway: str, mark: str, workers: str = "") -> None:
    """Refuse the connections of all other accounts; again is harmless, and other networks take the place of these.

    Args:
        networks: where hosts are, as in "10.0.0.0/8"; those of IPv6 are passed over.
        gateway: account of the gateway's workers.
        mark: name of the installation, by which its rules are found.
        workers: account of another installation's workers, whose hosts are other machines; let in where there is one.

    Raises:
        GatewayTrouble: the filter does not take it; the message is its own.
    """
    let_others_in(mark)
    accounts = [ROOT, gateway, *(workers for entry in pwd.getpwall() if entry.pw_name == workers)]
    neither = [word for account in accounts for word in ("-m", "owner", "!", "--uid-owner", account)]
    for network in filter(_is_ipv4, networks):
        refused = ("-j", "REJECT", "--reject-with", "tcp-reset")
        _filter("--insert", CHAIN, *_sessions_in(network, mark), *neither, *refused)


def let_in(networks: Iterable[str], accounts: Iterable[str], mark: str) -> None:
    """Have these accounts reach the sessions, past the rules of an installation of the local cloud on this machine.

    Without a filter nothing is in their way.

    Args:
        networks: as of `keep_others_out`.
        accounts: of this installation; empty ones are passed over.
        mark: likewise.

    Raises:
        GatewayTrouble: the filter does not take it; the message is its own.
    """
    let_others_in(mark)
    if not shutil.which("iptables"):
        return
    for network in filter(_is_ipv4, networks):
        for account in filter(None, dict.fromkeys(accounts)):
            _filter(
                "--insert", CHAIN, *_sessions_in(network, mark), "-m", "owner", "--uid-owner", account, "-j", "ACCEPT"
            )


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


def _is_ipv4(network: str) -> bool:
    return ip_network(network, strict=False).version == 4


def _sessions_in(network: str, mark: str) -> list[str]:
    ports = f"{SESSION_PORTS[0]}:{SESSION_PORTS[-1]}"
    return ["-d", network, "-p", "tcp", "--dport", ports, "-m", "comment", "--comment", mark]


def _filter(*words: str) -> str:
    try:
        done = subprocess.run(["iptables", "--wait", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise GatewayTrouble("there is no iptables on this machine") from None
    if done.returncode:
        raise GatewayTrouble(f"iptables says: {' '.join(done.stderr.split())[:200]}")
    return done.stdout
