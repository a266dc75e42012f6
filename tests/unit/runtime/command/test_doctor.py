"""What the doctor tells of the manager's machine, and how."""

import json
import socket
from dataclasses import replace

import pytest

from blocks.settings import ProcessSettings
from runtime.command.doctor import manager
from runtime.command.doctor.told import Condition, Told, tell, tell_program
from tests.rigs.ports import free_port, free_ports

pytestmark = pytest.mark.unit

FULL = Told("0.1 GB are free", Condition.MISSING, "delete old logs")


@pytest.fixture
def settings(tmp_path):
    gateway, server = free_ports(2)
    return ProcessSettings(data=tmp_path, gateway_port=gateway, prefect_port=server, _env_file=None)


def conditions(settings, runs=False) -> dict[str, Condition | None]:
    return {one.says: one.condition for one in manager.examine_manager(settings, runs)}


def test_a_machine_that_is_in_order_is_told_thing_by_thing(settings):
    told = conditions(settings)
    assert told[f"ports {settings.gateway_port} and {settings.prefect_port} are free"] is Condition.OK
    assert told[f"{settings.data / 'api-password'} is made by the first `make up`"] is Condition.UNKNOWN
    assert any(f"GB are free on the disk of {settings.data}" in says for says in told)


def test_a_port_that_another_program_has_is_a_problem_and_of_a_stack_that_runs_it_is_its_own(settings):
    with socket.create_server(("127.0.0.1", settings.gateway_port)):
        (problem,) = [one for one in manager.examine_manager(settings, runs=False) if "cannot" in one.says]
        assert (problem.condition, "DD_GATEWAY_PORT" in problem.fix) == (Condition.MISSING, True)
        assert not any("cannot" in says for says in conditions(settings, runs=True))


def test_a_password_that_every_account_may_read_is_a_problem(settings):
    file = settings.data / "api-password"
    file.write_text("ops:word")
    file.chmod(0o644)
    assert conditions(settings)[f"every account of this machine may read {file}, which opens Prefect's API"] == "WRONG"
    file.chmod(0o640)  # of the workers' account
    assert conditions(settings)[f"{file} is not for every account to read"] == "ok"


def test_settings_that_the_gateway_would_not_start_with_are_a_problem(settings, monkeypatch):
    assert conditions(settings)["the gateway's settings make sense"] == "ok"
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE", "/etc/ssl/n.pem")
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE_KEY", "/etc/ssl/n.key")
    (wrong,) = [one for one in manager.examine_manager(settings, runs=False) if "would not start" in one.says]
    assert (wrong.condition, "DD_PUBLIC_URL must be set and begin with https" in wrong.says) == ("WRONG", True)


def test_an_engine_that_does_not_answer_is_a_problem_where_it_has_the_hosts(settings):
    away = settings.model_copy(update={"engine_url": f"tcp://127.0.0.1:{free_port()}"})
    assert (
        conditions(away, runs=True)[f"the Docker Engine of the hosts does not answer: {away.engine_url}"] == "MISSING"
    )
    elsewhere = away.model_copy(update={"cloud": "static"})
    assert not any("Docker Engine" in says for says in conditions(elsewhere, runs=True))


@pytest.mark.parametrize(
    ("state", "condition", "word"),
    [(0, "ok", "is kept right"), (5, "--", "no program of this machine"), (None, "--", "is not known")],
)
def test_of_the_clock_is_told_what_the_kernel_says(state, condition, word):
    told = manager.of_clock(state)
    assert (told.condition, word in told.says, told.is_problem) == (condition, True, False)


def test_people_read_lines_with_the_fix_and_programs_all_but_the_headings(capsys):
    heading = Told("pool main gets its hosts from local-cloud/main")
    lines: list[str] = []
    assert tell([heading, FULL, replace(FULL, condition=Condition.OK, fix="")], lines.append) == 1
    assert lines[1:] == ["  MISSING  0.1 GB are free\n           fix: delete old logs", "  ok       0.1 GB are free"]
    assert tell_program([heading, FULL]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"says": "0.1 GB are free", "condition": "MISSING", "fix": "delete old logs", "about": ""}
    ]
