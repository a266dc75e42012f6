"""A warm worker as on a machine that has workers alone: the API over TLS, PostgreSQL, and relays of two gateways."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.gateway.certificate import self_signed
from tests.rigs.gateways.gateway import RunningGateway, route_to, running_gateway
from tests.rigs.gateways.relays import SECRET, relays
from tests.rigs.services.databases import migrated_postgres
from tests.rigs.services.postgres import postgres_server
from tests.rigs.services.prefect_server import ROOT, PrefectServer, stop
from tests.rigs.services.tls_front import tls_front
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

FLOW = "tests.rigs.stacks.elsewhere_flows:publish"


@pytest.fixture(scope="module")
def server(prefect_server) -> PrefectServer:
    """The manager's: the one that all tests share, with the pool that a machine's warm workers ask."""
    prefect_server.pool("warm")
    return prefect_server


@pytest.fixture(scope="module")
def gateways() -> Iterator[tuple[RunningGateway, RunningGateway]]:
    with running_gateway() as one, running_gateway() as other:
        yield one, other


@pytest.fixture(scope="module")
def machine(server, gateways, tmp_path_factory) -> Iterator[Path]:
    """The folder of a machine of workers: its settings, its data, what it trusts."""
    folder, tls = tmp_path_factory.mktemp("elsewhere"), tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(tls / "api", ["localhost", "127.0.0.1"])  # called otherwise than those of relays
    with (
        postgres_server() as postgres,
        relays(tls / "relays", *gateways) as both,
        tls_front(server.port, certificate, key) as port,
    ):
        (folder / "authorities.pem").write_text(certificate.read_text() + Path(both[0]._authorities).read_text())
        said = {
            "DD_DATA": folder / "data",
            "DD_CLOUD": "static",
            "DD_NAMESPACE": "dd-test-elsewhere",
            "DD_API_URL": f"https://127.0.0.1:{port}/api",
            "DD_AUTHORITIES": folder / "authorities.pem",
            "DD_DATABASE_URL": migrated_postgres(postgres),
            "DD_GATEWAYS": " ".join(relay.url for relay in both),
            "DD_RELAY_SECRET": SECRET,
            "DD_PUBLIC_URL": "http://notebooks.example",
        }
        (folder / "dockerdriver.env").write_text("".join(f"{name}={value}\n" for name, value in said.items()))
        yield folder


def started(machine: Path, part: str) -> subprocess.Popen:
    """Start a part as its unit does."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DD_", "PREFECT_"))}
    words = [sys.executable, "-P", "-m", "runtime.stack.service", part, "--as", "elsewhere-warm-1"]
    with (machine / "log").open("ab") as log:
        return subprocess.Popen(words, cwd=machine, env=own | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log)


def test_it_takes_runs_over_tls_and_tells_both_gateways_and_ends_when_it_is_drained(server, gateways, machine):
    worker = started(machine, "warm")
    try:
        until(lambda: server.call("POST", "/work_pools/warm/workers/filter"), "the worker is online", 120)
        run = server.trigger(server.deployment(FLOW, "warm"), route=route_to(0).id, port=20001)
        assert server.wait(run, seconds=60)["type"] == "COMPLETED", (machine / "log").read_text()[-3000:]
        assert [gateway.client.list_routes() for gateway in gateways] == [[route_to(20001)]] * 2
    finally:
        assert stop(worker) == 0, (machine / "log").read_text()[-3000:]


def test_what_is_the_manager_s_is_refused_there(machine):
    assert started(machine, "long").wait(60) == 1
    assert "long runs on the manager" in (machine / "log").read_text()
