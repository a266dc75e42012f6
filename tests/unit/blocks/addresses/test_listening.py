"""The API's password is told to no account that took the port of a server which does not run."""

import subprocess
from contextlib import contextmanager

import pytest

from blocks.addresses.listening import refuse_strangers
from blocks.prefect.api import PrefectApi
from pool.errors import Refused
from tests.rigs.ports import free_port

pytestmark = pytest.mark.unit

PORTS = range(14800, 14900)
#: Tells what it was told, once.
LISTEN = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
asked, _ = server.accept()
print(asked.recv(65536).decode(), flush=True)
"""


@contextmanager
def program(account: int, port: int, address: str = "127.0.0.1"):
    words = ["setpriv", f"--reuid={account}", f"--regid={account}", "--clear-groups", "/usr/bin/python3", "-c", LISTEN]
    with subprocess.Popen([*words, address, str(port)], stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout
        assert it.stdout.readline() == "ready\n"
        yield it
        it.kill()


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - as an account would
def test_another_account_that_listens_is_told_no_password(address):
    with program(65534, free_port(PORTS), address) as squatter:
        port = int(squatter.args[-1])
        for ask in (PrefectApi.answers, PrefectApi.healthy, lambda api: api.call("GET", "/flows")):
            with pytest.raises(Refused, match=f"^port {port} .* taken by account 65534, who is told no password"):
                ask(PrefectApi(f"http://127.0.0.1:{port}/api", "alice:secret"))
        squatter.kill()
        assert squatter.stdout.read() == ""


def test_the_account_that_the_server_runs_as_is_asked():
    with program(65534, free_port(PORTS)) as server:
        port = int(server.args[-1])
        refuse_strangers(port, "nobody")
        for other in ("www-data", "no-such-account", ""):
            with pytest.raises(Refused):
                refuse_strangers(port, other)


def test_root_is_asked_and_so_is_a_port_that_no_process_has():
    with program(0, free_port(PORTS)) as server:
        refuse_strangers(int(server.args[-1]))
    refuse_strangers(free_port(PORTS))
