"""Processes of the stack as systemd's units: what the units name is there, and what they run is what `make up` runs."""

import re
from configparser import RawConfigParser
from pathlib import Path

import pytest

from blocks.resources import ROOT
from blocks.settings import ProcessSettings
from pool.errors import BadRequest
from runtime.stack.prepare import STEPS
from runtime.stack.service import RELAY, environment_of, named
from runtime.stack.start import programs
from runtime.supervision.environment import stack_environment

pytestmark = pytest.mark.unit

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
SETTINGS = ProcessSettings(data="/var/lib/dockerdriver", cloud="static", _env_file=None)
SEVERAL = ProcessSettings(data="/var/lib/dockerdriver", cloud="static", api_servers=2, _env_file=None)
AS_ROOT = {"prepare", "database", "gateway", "gateway-logs"}


def name_of(unit: Path) -> str:
    return unit.stem.removeprefix("dockerdriver-").removesuffix("@")


def read(unit: Path) -> RawConfigParser:
    parser = RawConfigParser(strict=False, interpolation=None)
    vars(parser)["optionxform"] = str  # names are as they are written
    parser.read(unit)
    return parser


def test_what_the_units_start_is_what_make_up_starts():
    text = "\n".join(unit.read_text() for unit in UNITS)
    started = set(re.findall(r"runtime\.stack\.service ([\w%-]+)", text))
    known = {program.name for settings in (SETTINGS, SEVERAL) for program in programs(settings, own_engine=False)}
    # A second warm worker has a name of its own there, and works. Relays are for gateways of other machines.
    assert started - RELAY.keys() == {re.sub(r"^api-\d+$", "api-%i", name) for name in known} - {"warm-standby"}
    assert started >= RELAY.keys()
    text += (ROOT / "playbooks" / "roles" / "manager" / "tasks" / "settings.yml").read_text()
    assert set(re.findall(r"runtime\.stack\.prepare (\w+)", text)) == set(STEPS)


def test_each_unit_but_those_named_runs_as_the_account_without_any_right_of_root_s():
    for unit in UNITS:
        service = read(unit)["Service"]
        assert service.get("User", "root") == ("root" if name_of(unit) in AS_ROOT else "dockerdriver")
        assert bool(service["CapabilityBoundingSet"]) == (name_of(unit) in AS_ROOT)
        assert (service["NoNewPrivileges"], service["ProtectSystem"], service["PrivateTmp"]) == ("yes", "strict", "yes")


def test_each_unit_is_told_of_in_the_docs():
    told = (ROOT / "docs" / "deploying.md").read_text()
    assert [
        unit.name for unit in UNITS if f"`{name_of(unit)}`" not in told and f"`{name_of(unit)}@1`" not in told
    ] == []


def test_settings_that_the_gateway_would_not_start_with_are_refused_before_anything_is_started(monkeypatch, tmp_path):
    settings = ProcessSettings(data=tmp_path, database="sqlite", _env_file=None)
    STEPS["check"](settings)
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE", "/etc/ssl/n.pem")
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE_KEY", "/etc/ssl/n.key")
    for step in ("check", "account"):
        with pytest.raises(BadRequest, match="DD_PUBLIC_URL must be set and begin with https"):
            STEPS[step](settings)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_has_a_name_of_its_own():
    warm = next(program for program in programs(SETTINGS, own_engine=False) if program.name == "warm")
    assert named(warm.command, "m1-warm-2") == (*warm.command[:-2], "-n", "m1-warm-2")
    assert named(warm.command, "") == warm.command


def test_a_unit_s_environment_is_the_stack_s_and_where_browsers_find_the_api():
    said = {"PREFECT_UI_API_URL": "https://api.example/api", "PREFECT_PROFILE": "theirs"}
    extra = environment_of(SETTINGS, said).items() - stack_environment(SETTINGS, "unix:///var/run/docker.sock").items()
    assert dict(extra) == {"PREFECT_UI_API_URL": "https://api.example/api"}
