"""The port on the loopback's other address: taken, so that no other account is asked in the server's place."""

import socket
import subprocess
import sys

import pytest

from blocks.addresses.loopback_twin import take_twin
from blocks.resources import ROOT
from pool.errors import Refused
from tests.rigs.ports import free_port
from tests.rigs.present import present

pytestmark = pytest.mark.unit

PORTS = range(14700, 14800)
ALL = "0.0.0.0"  # noqa: S104 - only its other one is taken
LISTEN = """
import socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
"""
AS_A_LOCAL_ACCOUNT = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", LISTEN]


def may_listen(address: str, port: int) -> bool:
    words = [*AS_A_LOCAL_ACCOUNT, address, str(port)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(("address", "there"), [("127.0.0.1", "::1"), (ALL, "::1"), (ALL, "::")])
def test_no_local_account_listens_where_browsers_look_for_localhost_first(address, there):
    port = free_port(PORTS)
    assert may_listen(there, port)
    with present(take_twin(address, port)):
        assert not may_listen(there, port)
    assert may_listen(there, port)


def test_a_browser_that_asks_there_is_refused_at_once_and_goes_on_to_the_server():
    with socket.create_server(("127.0.0.1", free_port(PORTS))) as server:
        port = server.getsockname()[1]
        with present(take_twin("127.0.0.1", port)), pytest.raises(ConnectionRefusedError):
            socket.create_connection(("::1", port), 2)
        socket.create_connection(("localhost", port), 2).close()


def test_a_port_that_another_program_has_there_is_named():
    with socket.create_server(("::1", free_port(PORTS)), family=socket.AF_INET6) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(Refused, match=f"^port {port} of ::1 is taken, where browsers look for localhost first"):
            take_twin("127.0.0.1", port)


def test_an_address_that_localhost_does_not_lead_to_has_no_other_one():
    assert take_twin("192.0.2.7", 8000) is None


def test_the_port_is_held_by_the_program_that_a_process_becomes():
    port = free_port(PORTS)
    take = f"from blocks.addresses.loopback_twin import take_twin; held = take_twin('127.0.0.1', {port})"
    become = f"import os; {take}; os.execvp('cat', ['cat'])"
    with subprocess.Popen(
        [sys.executable, "-c", become], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as cat:
        assert cat.stdin
        assert cat.stdout
        cat.stdin.write(b"x")
        cat.stdin.flush()
        assert cat.stdout.read(1) == b"x"  # it is cat by now
        assert not may_listen("::1", port)
    assert may_listen("::1", port)
