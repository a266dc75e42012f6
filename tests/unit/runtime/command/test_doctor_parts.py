"""What the doctor examines on a machine that has a part of a manager alone, and what it says that it leaves out."""

import asyncio
import socket
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.gateway.last_heard import LastHeard
from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import DockerDriverError, NotFound, Refused
from runtime.command import gateway
from runtime.command.doctor.machines import examine_machines
from runtime.command.doctor.manager import examine_manager
from runtime.command.doctor.parts import Parts, parts_of
from runtime.command.doctor.pools import examine_what_pools_need
from runtime.command.doctor.told import Condition
from runtime.supervision.gateway_relay import relay_application
from tests.rigs.fakes import fake_outside
from tests.rigs.gateways.gateway import route_to
from tests.rigs.pool_data import NOW, later
from tests.rigs.ports import free_port
from tests.rigs.stacks.paper_stack import PaperGateway
from tests.unit.runtime.stack.test_several_machines import WORKER

pytestmark = pytest.mark.unit

RELAYS = {"gateways": WORKER["gateways"]}
WORKERS = {name: value for name, value in WORKER.items() if name != "cloud"}


def a_machine(monkeypatch, tmp_path: Path, relay: bool, **said: Any) -> ProcessSettings:
    monkeypatch.setenv("DD_RELAY_SECRET", 32 * "s")
    if relay:
        monkeypatch.setenv("DD_RELAY_CERTIFICATE", "/etc/dockerdriver/tls/own.crt")
    return ProcessSettings(data=tmp_path, cloud="openstack", _env_file=None, **said)


@pytest.mark.parametrize(
    ("relay", "said", "parts"),
    [
        (False, {}, Parts(manager=True, workers=False, gateway=True)),
        (True, RELAYS, Parts(manager=True, workers=False, gateway=True)),
        (False, RELAYS, Parts(manager=True, workers=False, gateway=False)),
        (True, {}, Parts(manager=False, workers=False, gateway=True)),
        (False, WORKERS, Parts(manager=False, workers=True, gateway=False)),
        (True, WORKERS, Parts(manager=False, workers=True, gateway=True)),
    ],
    ids=["all of it", "split, with a gateway", "split", "a gateway", "workers", "workers and a gateway"],
)
def test_what_a_machine_has_is_told_by_its_settings(monkeypatch, tmp_path, relay, said, parts):
    assert parts_of(a_machine(monkeypatch, tmp_path, relay, **said)) == parts


def examined(settings: ProcessSettings, runs: bool = False) -> dict[str, Condition | None]:
    with standing_in(fake_outside()):
        found = [*examine_manager(settings, runs), *examine_machines(settings, runs)]
        return {one.says: one.condition for one in [*found, *examine_what_pools_need(settings, runs)]}


def test_a_gateway_alone_is_asked_for_no_database_cloud_or_port_and_its_relay_is(monkeypatch, tmp_path):
    told = examined(a_machine(monkeypatch, tmp_path, relay=True))
    assert (
        told["this machine has a gateway alone: Prefect's API, databases and pools are examined on the manager"] == "--"
    )
    assert told["the gateway's settings make sense"] == "ok"
    assert told["the gateway of this machine does not answer"] == "MISSING"
    assert told["the gateway's relay has not heard of its manager yet: sessions have no route here"] == "MISSING"
    assert not [says for says in told if "ports" in says or "database of" in says or "pool main" in says]


@pytest.mark.parametrize(
    ("silent", "ends"), [(30, ""), (3600, "since 2026-01-05 08:00:00 UTC: it leads by the routes of then")]
)
def test_a_gateway_that_is_cut_off_says_since_when(monkeypatch, tmp_path, silent, ends):
    settings = a_machine(monkeypatch, tmp_path, relay=True)
    LastHeard(settings.relay_heard).note(NOW)
    door = fake_outside()
    door.clock.pass_by(silent)
    with standing_in(door):
        cut_off = [one for one in examine_machines(settings, False) if "has not heard" in one.says]
    assert [one.says.endswith(ends) for one in cut_off] == [True] * bool(ends)


def test_workers_alone_are_asked_for_no_cloud_gateway_or_port(monkeypatch, tmp_path):
    settings = a_machine(monkeypatch, tmp_path, relay=False, **WORKERS | {"database_url": f"sqlite:///{tmp_path}/none"})
    told = [one.says for one in examine_manager(settings, False)]
    assert "this machine has workers of another one's manager: clouds and certificates are examined there" in told
    assert "no gateway is on this machine: its settings are examined where one is" in told
    assert not [says for says in told if "ports" in says or "settings make sense" in says]
    with standing_in(fake_outside()):
        assert [one.says.split(" ")[0] for one in examine_what_pools_need(settings, False)] == ["the"]


def test_a_manager_whose_gateway_is_elsewhere_is_asked_for_its_own_port_alone(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:  # by what is none of its business
        port = taken.getsockname()[1]
        settings = a_machine(monkeypatch, tmp_path, relay=False, gateway_port=port, prefect_port=free_port(), **RELAYS)
        told = {one.says: one.condition for one in examine_manager(settings, False)}
    assert told[f"port {settings.prefect_port} is free"] == "ok"
    assert "no gateway is on this machine: its settings are examined where one is" in told


@pytest.mark.parametrize("said", [RELAYS, WORKERS], ids=["manager", "workers"])
@pytest.mark.parametrize("command", [gateway.reload, gateway.certificate])
def test_what_is_for_a_gateway_is_refused_where_none_is_with_where_they_are(monkeypatch, tmp_path, command, said):
    with pytest.raises(Refused, match=rf"no gateway is on this machine: .*{said['gateways'].split(',')[0]}"):
        command(a_machine(monkeypatch, tmp_path, relay=False, **said))


def test_a_gateway_alone_tells_of_its_own_certificate(monkeypatch, tmp_path):
    with pytest.raises(NotFound, match="DD_GATEWAY_CERTIFICATE"):
        gateway.certificate(a_machine(monkeypatch, tmp_path, relay=True))


def test_workers_whose_manager_is_away_are_told_to_look_there(tmp_path):
    elsewhere = ProcessSettings(data=tmp_path, api_url="https://127.0.0.2:1/api", _env_file=None)
    with pytest.raises(DockerDriverError, match=r"does not answer .*: does the manager run, and this machine reach it"):
        prefect_api(elsewhere).call("GET", "/admin/version")


def test_when_a_relay_heard_of_its_manager_is_kept_and_told_after_a_silence(tmp_path):
    said: list[str] = []
    heard = LastHeard(tmp_path / "routes" / "heard", said.append)
    assert heard.moment() is None
    for moment in (NOW, NOW + timedelta(milliseconds=10), later(30)):
        heard.note(moment)
    assert (LastHeard(tmp_path / "routes" / "heard").moment(), said) == (later(30), [])
    heard.note(later(630))
    assert said == ["the manager is heard of again, 600 s after the last time: routes were those of then"]


def test_those_alone_who_bring_the_secret_count_as_the_manager(tmp_path):
    heard = LastHeard(tmp_path / "heard")
    app: Any = relay_application(PaperGateway(), "secret", heard=heard)

    async def ask(secret: str) -> int:
        transport, brings = httpx.ASGITransport(app), {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://relay", headers=brings) as client:
            return (await client.put("/route", json=asdict(route_to(20001)))).status_code

    assert (asyncio.run(ask("a guess")), heard.moment()) == (401, None)
    assert (asyncio.run(ask("secret")), heard.moment() is not None) == (200, True)


def test_a_disk_that_takes_no_note_is_told_of_and_ends_nothing(tmp_path):
    said: list[str] = []
    (tmp_path / "file").write_text("")
    LastHeard(tmp_path / "file" / "heard", said.append).note(NOW)
    assert "cannot be written" in said[0]
