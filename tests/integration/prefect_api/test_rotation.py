"""`dockerdriver rotate-secrets` with a real server and a real worker: password and link keys, while both are in use."""

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from prefect.settings import temporary_settings
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from blocks.stored.api_password import accepted_pairs, api_password
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys
from tests.rigs.services.guarded_server import GuardedServer
from tests.rigs.services.prefect_server import ROOT, running, stop
from tests.rigs.services.saved_blocks import load_block, save_block

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[GuardedServer]:
    with running(GuardedServer(tmp_path_factory.mktemp("rotation"))) as it:
        with temporary_settings(it.as_a_client):
            for block in (LinkKeys.create(), HostLogin.create()):
                save_block(block, "main")
        it.provision()
        it.deploy("flows.housekeeping.rotate_secrets.rotate_secrets")
        upgrade = "from blocks.outside import outside; outside().store.upgrade()"
        subprocess.run([sys.executable, "-c", upgrade], env=it.env, cwd=ROOT, check=True)
        yield it


@pytest.fixture(scope="module")
def worker(server):
    process = server.worker("long", "long", "process")
    yield process
    stop(process)


def rotate(server, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "runtime.command.cli", "rotate-secrets", *words]
    environment = server.env | {"DD_PREFECT_PORT": str(server.port)}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def status(server, pair: str) -> int:
    name, _, word = pair.partition(":")
    return httpx.get(f"{server.url}/admin/version", auth=(name, word), trust_env=False).status_code


def test_the_password_and_the_login_are_rotated_while_a_stream_is_open_and_a_worker_works(server, worker):
    old = api_password(server.settings)
    with connect(f"{server.url.replace('http', 'ws')}/events/out", subprotocols=[Subprotocol("prefect")]) as stream:
        stream.send(json.dumps({"type": "auth", "token": old}))
        assert json.loads(stream.recv(10))["type"] == "auth_success"
        done = rotate(server, "api-password", "login-key")
        assert done.returncode == 0, done.stderr
        new, before = accepted_pairs(server.settings)
        assert (before, new != old) == (old, True)
        assert [status(server, pair) for pair in (new, old, "dockerdriver:wrong")] == [200, 200, 401]
        unsure = rotate(server, "--retire", "api-password")
        assert (unsure.returncode, "waits until it is confirmed in Prefect's UI" in unsure.stderr) == (1, True)
        assert [status(server, pair) for pair in (new, old)] == [200, 200]
        retired = rotate(server, "--retire", "--yes", "api-password")
        assert retired.stdout == "api-password: done, one of them is trusted\n"
        assert [status(server, pair) for pair in (new, old)] == [200, 401]
        assert worker.poll() is None
        stream.ping().wait(10)
    assert new.split(":")[1] not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def without_a_gateway(server, worker) -> subprocess.CompletedProcess:
    """A rotation of what the gateway has to be told, while it is down."""
    return rotate(server, "link-keys", "session-tokens")


def test_a_gateway_that_is_down_keeps_the_link_keys_as_they_are_and_is_named(server, without_a_gateway):
    assert (without_a_gateway.returncode, "link-keys: the gateway" in without_a_gateway.stderr) == (1, True)
    with temporary_settings(server.as_a_client):
        keys = load_block(LinkKeys, "main")
    assert (bool(keys.next.get_secret_value()), keys.previous.get_secret_value()) == (True, "")


def test_tokens_of_sessions_stay_as_they_are_while_the_gateway_is_down(without_a_gateway):
    assert "session-tokens: the gateway" in without_a_gateway.stderr


def test_what_cannot_be_rotated_is_named(server):
    assert "passwort cannot be rotated: what can is authority, certificates," in rotate(server, "passwort").stderr
