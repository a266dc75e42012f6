"""Two servers of Prefect's API behind one port, as the stack starts them: what they share, and one of them away."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.rigs.services.api_servers import ApiServers
from tests.rigs.services.prefect_server import running, stop_all
from tests.rigs.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

FLOW = "tests.rigs.stacks.warm_flows.stamp"


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[ApiServers]:
    with running(ApiServers(tmp_path_factory.mktemp("several"))) as it:
        yield it


def an_event(name: str) -> dict:
    now = datetime.now(UTC).isoformat()
    return {"id": str(uuid4()), "occurred": now, "event": name, "resource": {"prefect.resource.id": "test.1"}}


def test_each_server_and_the_nginx_before_them_take_the_password_and_no_other(servers):
    for port in (servers.port, *servers.settings.api_ports):
        client = servers.client(port)
        assert client.get("/admin/version").status_code == 200, port
        assert client.get("/admin/version", auth=("dockerdriver", "wrong")).status_code == 401, port


def test_an_event_of_one_server_is_told_by_the_other(servers):
    told, asked = servers.settings.api_ports
    name = f"test.{uuid4().hex}"
    wanted = {"event": {"name": [name]}, "occurred": {"since": "2020-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}}
    with connect(f"ws://127.0.0.1:{told}/api/events/out", subprotocols=[Subprotocol("prefect")]) as stream:
        stream.send(json.dumps({"type": "auth", "token": servers.password}))
        assert json.loads(stream.recv(10))["type"] == "auth_success"
        stream.send(json.dumps({"type": "filter", "filter": wanted}))
        servers.client(asked).post("/events", json=[an_event(name)]).raise_for_status()
        assert json.loads(stream.recv(20))["event"]["event"] == name


def test_the_services_write_down_what_a_server_was_told(servers):
    name = f"test.{uuid4().hex}"
    servers.rest.post("/events", json=[an_event(name)]).raise_for_status()
    ask = {"filter": {"event": {"name": [name]}}}
    until(lambda: servers.call("POST", "/events/filter", **ask)["events"], "it is on record", 60)


@pytest.mark.nightly  # two workers; what each asks a server for is tested with one (test_runs_are_taken_once)
def test_two_workers_of_two_servers_run_each_run_once(servers, tmp_path):
    pool = servers.pool("several")
    deployment, stamps = servers.deployment(FLOW, pool), tmp_path / "stamps"
    workers = [servers.worker(pool, f"several-{number}") for number in (1, 2)]
    try:
        runs = [servers.trigger(deployment, file=str(stamps)) for _ in range(20)]
        ended = {servers.wait(run, seconds=120)["type"] for run in runs}
    finally:
        stop_all(workers)
    assert ended == {"COMPLETED"}
    assert Counter(line.split()[0] for line in stamps.read_text().splitlines()) == dict.fromkeys(runs, 1)


@pytest.mark.nightly  # a server is started again; that nginx goes past one that is away is nginx's own
def test_while_a_server_is_away_the_other_answers(servers):
    servers.kill("api-2")
    assert {servers.rest.get("/admin/version").status_code for _ in range(10)} == {200}
    servers.begin("api-2")
    until(lambda: servers.is_there(servers.settings.api_ports[1]), "it is back", 120)


@pytest.mark.nightly  # two servers are started again
def test_while_all_are_away_callers_are_told_to_ask_again(servers):
    for name in ("api-1", "api-2"):
        servers.kill(name)
    answer = servers.rest.get("/admin/version")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "ask again" in answer.json()["exception_message"]
    for name in ("api-1", "api-2"):
        servers.begin(name)
    until(lambda: all(map(servers.is_there, servers.settings.api_ports)), "they are back", 120)


def test_the_redis_is_reached_by_its_own_account_alone(servers):
    socket = servers.settings.redis_socket
    assert (socket.stat().st_mode & 0o077, socket.parent.stat().st_mode & 0o077) == (0, 0)
