"""A local account of the manager at the ports of sessions on hosts, past the gateway and its sign-in."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from blocks.gateway.session_ports import keep_others_out, let_in, let_others_in
from pool.errors import GatewayTrouble
from pool.records import SESSION_PORTS
from tests.rigs.ports import free_port

pytestmark = pytest.mark.integration

#: An address that no installation on this machine keeps for itself.
HOST, NETWORKS, MARK = "203.0.113.77", ("203.0.113.0/24", "fc00::/7"), "dd-accounts"
OTHER = "games"  # an account that runs nothing of ours
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


@pytest.fixture(scope="module")
def address():
    """An address of a host, on this machine."""
    subprocess.run(["ip", "address", "add", f"{HOST}/32", "dev", "lo"], check=True)
    yield HOST
    subprocess.run(["ip", "address", "delete", f"{HOST}/32", "dev", "lo"], check=True)


@contextmanager
def program(address: str, port: int = 0) -> Iterator[int]:
    """A program there that takes every connection."""
    with ThreadingTCPServer((address, port), BaseRequestHandler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def port(address):
    with program(address, free_port(SESSION_PORTS)) as port:
        yield port
    let_others_in(MARK)


def gets_in(account: str, port: int) -> bool:
    words = ["setpriv", f"--reuid={account}", "--clear-groups", "--regid=nogroup", "/usr/bin/python3", "-c", KNOCK]
    return subprocess.run([*words, HOST, str(port)], capture_output=True, check=False).returncode == 0


def rules() -> list[str]:
    listed = subprocess.run(["iptables", "-S", "OUTPUT"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if MARK in line]


def test_root_and_the_gateway_reach_a_session_and_no_other_account_does(port):
    assert gets_in(OTHER, port)
    for _ in range(2):
        keep_others_out(NETWORKS, "www-data", MARK)
        assert {one: gets_in(one, port) for one in ("root", "www-data", OTHER)} == {
            "root": True,
            "www-data": True,
            OTHER: False,
        }
        assert len(rules()) == 1
    let_others_in(MARK)
    assert (gets_in(OTHER, port), rules()) == (True, [])


def test_the_account_of_another_installation_s_workers_is_let_in_if_there_is_one(port):
    keep_others_out(NETWORKS, "www-data", MARK, workers="no-such-account")
    assert {one: gets_in(one, port) for one in ("daemon", OTHER)} == {"daemon": False, OTHER: False}
    keep_others_out(NETWORKS, "www-data", MARK, workers="daemon")
    assert {one: gets_in(one, port) for one in ("daemon", OTHER)} == {"daemon": True, OTHER: False}


def test_an_installation_whose_account_came_later_lets_it_in_past_the_rules_that_are_there(port):
    keep_others_out(NETWORKS, "www-data", MARK)
    for _ in range(2):
        let_in(NETWORKS, ("", "daemon"), "dd-later")
        assert {one: gets_in(one, port) for one in ("daemon", OTHER)} == {"daemon": True, OTHER: False}
    let_others_in("dd-later")
    assert not gets_in("daemon", port)


def test_what_else_local_accounts_do_is_left_alone(address, port):
    keep_others_out(NETWORKS, "www-data", MARK)
    with program(address) as other, socket.create_connection((address, port), 3):
        assert gets_in(OTHER, other)


def test_an_account_that_is_none_is_said_in_the_filters_own_words(port):
    with pytest.raises(GatewayTrouble, match="no-such-account"):
        keep_others_out(NETWORKS, "no-such-account", MARK)
