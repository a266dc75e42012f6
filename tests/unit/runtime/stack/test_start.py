"""The small parts of the stack: environment, supervisord's configuration, ports, records, schedules."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from configparser import RawConfigParser
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml

from blocks.settings import ProcessSettings
from blocks.stored.api_password import keep_password
from pool.errors import EngineTrouble, Refused
from pool.records import BlueprintSpec, FlavorSize
from pool.states import HostState, InstanceState
from runtime.command.cli import alone
from runtime.stack import host_removal as takedown
from runtime.stack.deployments import DESCRIPTION
from runtime.stack.local_engine import find_engine, own_engine_command
from runtime.stack.ports import check_ports
from runtime.stack.start import programs, that_matters, while_it_serves
from runtime.supervision.environment import (
    MARK,
    fingerprint,
    marked_processes,
    not_passed_on,
    stack_environment,
    take_on,
)
from runtime.supervision.gateway_process import without_secrets
from runtime.supervision.processes import Processes, Program, end_marked_processes
from runtime.worker.runs.late_runs import only_the_newest_of_each_schedule
from tests.rigs.engines.manifest_engine import manifest_engine
from tests.rigs.pool_data import place
from tests.rigs.present import present
from tests.rigs.services.databases import new_store
from tests.rigs.waiting import until

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENGINE = "unix:///run/engine.sock"


@pytest.fixture
def settings(tmp_path: Path) -> ProcessSettings:
    return ProcessSettings(data=tmp_path / "data", _env_file=None)


class Alive(Processes):
    """As supervisord says it where an earlier version's processes run, or where none do."""

    def __init__(self, settings: ProcessSettings, is_alive: bool) -> None:
        super().__init__(settings)
        self._is_alive = is_alive

    def alive(self) -> bool:
        return self._is_alive


@pytest.mark.parametrize("is_alive", [True, False])
def test_images_are_built_before_an_upgrade_stops_what_serves(settings, tmp_path, is_alive):
    built = []
    with manifest_engine(tmp_path / "docker.sock"):
        while_it_serves(Alive(settings, is_alive), f"unix://{tmp_path}/docker.sock", lambda: built.append("images"))
    assert built == ["images"] * is_alive


def test_no_image_is_built_beforehand_where_the_engine_does_not_run(settings, tmp_path):
    built = []
    while_it_serves(Alive(settings, True), f"unix://{tmp_path}/docker.sock", lambda: built.append("images"))
    assert built == []


def test_no_setting_of_another_installation_is_inherited(settings, monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "theirs")
    monkeypatch.setenv("DD_GATEWAY_PORT", "1")
    environment = stack_environment(settings, ENGINE)
    assert "PREFECT_API_KEY" not in environment
    assert environment["DD_GATEWAY_PORT"] == "8000"
    assert environment["DD_ENGINE_URL"] == ENGINE


def test_settings_of_prefects_that_are_not_passed_on_are_named_and_forgotten(settings, monkeypatch):
    keep_password(settings)
    monkeypatch.setattr(os, "environ", os.environ | {"PREFECT_SERVER_API_AUTH_STRING": "alice:secret"})
    os.environ |= {"PREFECT_PROFILE": "theirs", "PREFECT_CLI_COLORS": "false", "PREFECT_LOGGING_LEVEL": "ERROR"}
    environment = stack_environment(settings, ENGINE)
    assert not_passed_on(environment) == ["PREFECT_PROFILE"]
    take_on(environment)
    assert "PREFECT_PROFILE" not in os.environ
    assert os.environ["PREFECT_LOGGING_LEVEL"] == "ERROR"


def test_nginx_gets_neither_the_password_nor_the_clouds_credentials(settings, monkeypatch):
    monkeypatch.setenv("OS_PASSWORD", "of-the-cloud")
    keep_password(settings, "alice:in-wonderland")
    given = without_secrets(stack_environment(settings, ENGINE))
    assert not {"of-the-cloud", "alice:in-wonderland"} & set(given.values())
    assert given["DD_ENGINE_URL"] == ENGINE
    assert given[MARK] == settings.identity


def test_a_process_of_the_stack_reads_the_same_settings(settings, monkeypatch):
    for name, value in stack_environment(settings, ENGINE).items():
        monkeypatch.setenv(name, value)
    read = ProcessSettings(_env_file=None)
    assert (read.data, read.identity, read.engine_url) == (settings.data, settings.identity, ENGINE)


def test_a_clouds_file_of_the_working_directory_is_found_by_every_process(settings, tmp_path, monkeypatch):
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "OS_CLIENT_CONFIG_FILE" not in stack_environment(settings, ENGINE)
    for file in ("clouds.yaml", "secure.yml"):
        (tmp_path / file).touch()
    environment = stack_environment(settings, ENGINE)
    assert environment["OS_CLIENT_CONFIG_FILE"] == str(tmp_path / "clouds.yaml")
    assert environment["OS_CLIENT_SECURE_FILE"] == str(tmp_path / "secure.yml")


def test_other_credentials_are_another_stack(settings, monkeypatch):
    monkeypatch.setenv("OS_CLOUD", "mine")
    assert that_matters(stack_environment(settings, ENGINE))["OS_CLOUD"] == "mine"


def test_a_proxy_of_the_environment_is_not_asked_for_our_own_servers(settings, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ | {"HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": "intern.example"})
    os.environ.update(stack_environment(settings, ENGINE))
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    assert httpx.head(f"http://127.0.0.1:{server.server_port}/").status_code == 200
    server.server_close()
    assert os.environ["NO_PROXY"] == "intern.example,127.0.0.1,localhost,::1"


def test_a_proxy_that_is_not_asked_for_anything_stays_so(settings, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    assert stack_environment(settings, ENGINE)["no_proxy"] == "*"


def test_the_tools_of_the_installation_come_first(settings):
    assert stack_environment(settings, ENGINE)["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_stack_of_another_configuration_is_not_the_same(settings):
    assert fingerprint("a", "b") == fingerprint("a", "b") != fingerprint("a", "c")


def test_supervisord_keeps_every_process_of_the_stack_alive(settings):
    parser = RawConfigParser()
    parser.read_string(Processes(settings).render(programs(settings, own_engine=True)))
    assert set(parser.sections()) >= {"program:engine", "program:server", "program:gateway", "program:warm"}
    assert all(parser[s]["autorestart"] == "true" for s in parser.sections() if s.startswith("program:"))


def users(**said: Any) -> dict[str, str]:
    """Whom supervisord has each process run as; root where nothing is said."""
    parser, settings = RawConfigParser(), ProcessSettings(data="/srv/dd", _env_file=None, **said)
    parser.read_string(Processes(settings).render(programs(settings, own_engine=True)))
    named = {section.partition(":")[2]: parser[section].get("user", "root") for section in parser.sections()}
    return {name: user for name, user in named.items() if name in ("server", "gateway", "warm", "long", "engine")}


@pytest.mark.parametrize("cloud", ["static", "openstack"])
def test_workers_and_prefects_server_are_not_root_where_hosts_are_machines(cloud):
    ours = dict.fromkeys(("server", "warm", "long"), "dockerdriver")
    assert users(cloud=cloud) == {"engine": "root", "gateway": "root"} | ours
    assert users(cloud=cloud, prefect_port=420)["server"] == "root"  # which may open such a port


def test_workers_are_root_where_hosts_are_containers_or_the_operator_says_so():
    assert set(users(cloud="local").values()) == set(users(cloud="static", worker_user="root").values()) == {"root"}


def test_a_folder_where_the_stack_is_started_hides_none_of_our_modules(settings):
    commands = [program.command for program in programs(settings, own_engine=False)]
    assert all(command[:2] == (sys.executable, "-P") for command in commands)


def test_our_own_engine_has_everything_in_directories_of_ours(settings):
    paths = [word.split("=")[1] for word in own_engine_command(settings) if "=/" in word]
    assert all(str(settings.data) in path or str(settings.run_dir) in path for path in paths)
    assert len(str(settings.run_dir / "docker.sock")) <= 107


def test_an_engine_that_is_named_and_does_not_answer_is_named_in_the_refusal(settings):
    named = settings.model_copy(update={"engine_url": "unix:///no/such.sock"})
    with pytest.raises(EngineTrouble, match=r"no Docker Engine answers at unix:///no/such\.sock"):
        find_engine(named, print)


def test_without_an_engine_and_without_dockerd_one_sentence_says_what_to_install(settings, monkeypatch):
    monkeypatch.setattr("runtime.stack.local_engine.answers", lambda _url: False)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    with pytest.raises(EngineTrouble, match=r"install docker\.io"):
        find_engine(settings, print)


def test_a_port_that_is_taken_is_named_together_with_who_has_it(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"port {port} .* \(process {os.getpid()}\) has it.*DD_GATEWAY_PORT"):
            check_ports(settings.model_copy(update={"gateway_port": port}))


def test_a_port_that_another_account_has_where_browsers_look_for_localhost_first_is_named(tmp_path):
    settings = ProcessSettings(data=tmp_path, _env_file=None)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as squatter:
        port = squatter.getsockname()[1]
        with pytest.raises(
            Refused, match=rf"^the gateway cannot start: port {port} of ::1 .* choose another one with DD_G"
        ):
            check_ports(settings.model_copy(update={"gateway_port": port}))


def test_of_two_commands_at_once_the_second_is_told_of_the_first(settings):
    with (
        alone(settings, "up"),
        pytest.raises(Refused, match=rf"dockerdriver up \(process {os.getpid()}\) is at work"),
        alone(settings, "down"),
    ):
        pass
    with alone(settings, "down"):
        pass


def test_processes_of_the_installation_are_found_by_their_mark_and_ended():
    identity = f"dd-test-{uuid4().hex[:6]}"
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
    process = subprocess.Popen(stubborn, env=os.environ | {MARK: identity}, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    assert process.pid in marked_processes(identity)
    end_marked_processes(identity, patience=0.5)
    assert process.wait(30) == -9


def test_supervisord_restarts_what_dies_and_leaves_nothing(settings, tmp_path):
    short = settings.model_copy(update={"namespace": f"dd-test-{uuid4().hex[:6]}"})
    processes = Processes(short)
    beat = ("sh", "-c", f"echo run >> '{tmp_path}/beats'; exec sleep 60")
    try:
        processes.begin([Program("beat", beat, 1)], stack_environment(short, ENGINE), "print")
        processes.start("beat")
        os.kill(until(lambda: sleeper(short.identity), "the process runs"), 9)
        until(lambda: (tmp_path / "beats").read_text().count("run") == 2, "it runs again")
        assert processes.runs("print")
        assert [log.name for log in (short.data / "logs").iterdir() if log.stat().st_mode & 0o027] == []
    finally:
        processes.stop_all()
        shutil.rmtree(short.run_dir)
    assert marked_processes(short.identity) == {}


def test_what_was_started_last_ends_before_the_others_are_told_to(settings, tmp_path):
    short = settings.model_copy(update={"namespace": f"dd-test-{uuid4().hex[:6]}"})
    processes, said = Processes(short), tmp_path / "said"
    ends = "trap 'sleep {2}; echo {0} ended >> {1}; exit' TERM; echo {0} >> {1}; while :; do sleep 0.05; done"
    needs = {"server": 0, "worker": 1}  # seconds to end
    runs = [
        Program(name, ("sh", "-c", ends.format(name, said, needs[name])), order) for order, name in enumerate(needs)
    ]
    try:
        processes.begin(runs, stack_environment(short, ENGINE), "print")
        processes.start(*needs)
        until(lambda: said.exists() and len(said.read_text().splitlines()) == 2, "both run")
    finally:
        processes.stop_all()
        shutil.rmtree(short.run_dir)
    assert said.read_text().splitlines()[2:] == ["worker ended", "server ended"]


def test_workers_are_told_to_end_at_the_same_time(settings, tmp_path):
    short = settings.model_copy(update={"namespace": f"dd-test-{uuid4().hex[:6]}"})
    processes, said, names = Processes(short), tmp_path / "said", ("long", "warm", "warm-standby")
    others_told = f"while [ $(grep -c told {said}) -lt {len(names)} ]; do sleep 0.05; done"  # else it is killed
    ends = f"trap 'echo told >> {said}; {others_told}; echo ended >> {said}; exit' TERM; echo run >> {said}"
    command = ("sh", "-c", f"{ends}; while :; do sleep 0.05; done")
    try:
        processes.begin([Program(name, command, 1, 60) for name in names], stack_environment(short, ENGINE), "print")
        processes.start(*names)
        until(lambda: said.exists() and said.read_text().count("run") == len(names), "all run")
        processes.stop_workers()
        assert {processes.states()[name] for name in names} == {"STOPPED"}
    finally:
        processes.stop_all()
        shutil.rmtree(short.run_dir)
    assert said.read_text().split() == ["run"] * 3 + ["told"] * 3 + ["ended"] * 3


def sleeper(identity: str) -> int | None:
    return next((pid for pid, command in marked_processes(identity).items() if command == "sleep 60"), None)


@pytest.fixture
def store(tmp_path):
    return new_store(tmp_path)


WAYS = [
    (),
    (HostState.CONFIGURING,),
    (HostState.CONFIGURING, HostState.ACTIVE),
    (HostState.CONFIGURING, HostState.ACTIVE, HostState.DRAINING),
    (HostState.FAILED,),
    (HostState.FAILED, HostState.REMOVING),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_host_in_any_state_is_closed(store, way):
    host = store.hosts.claim("main", FlavorSize.SMALL, slots=6, max_hosts=4, spawned_by="run", now=NOW)
    for state in way:
        host = store.hosts.move(host.name, state, NOW)
    takedown.close_host(store, host)
    assert store.hosts.get(host.name).state is HostState.REMOVED


def test_a_session_that_holds_room_is_closed_and_gives_it_back(store):
    host = store.hosts.claim("main", FlavorSize.SMALL, slots=6, max_hosts=4, spawned_by="run", now=NOW)
    for state in (HostState.CONFIGURING, HostState.ACTIVE):
        store.hosts.move(host.name, state, NOW)
    store.instances.request("alice-1", BlueprintSpec("b", "main", "image", 80), user="", options={}, now=NOW)
    takedown.close_instance(store, present(place(store, "alice-1", host.name, NOW)))
    assert store.instances.get("alice-1").state is InstanceState.DELETED
    assert store.hosts.get(host.name).reserved == 0


def test_every_pipeline_of_the_design_is_deployed_with_what_the_form_needs():
    entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
    names = {(entry["entrypoint"].rsplit(".", 1)[1], entry["name"]) for entry in entries}
    for_hosts = ("spawn_host", "configure_host", "bake_host_image", "distribute_images")
    by_hand = (*for_hosts, "provision_instance", "deprovision_instance", "why")
    assert names > {(flow, "on-demand") for flow in by_hand}
    assert names > {("distribute_images", "scheduled"), ("housekeep", "scheduled")}
    assert all(e["enforce_parameter_schema"] and e["description"] and e["tags"] for e in entries)


def test_what_backs_sessions_up_by_itself_is_bounded_and_takes_no_place_of_a_warm_worker():
    entries = yaml.safe_load(DESCRIPTION.read_text())["deployments"]
    found = {(e["entrypoint"].rsplit(".", 1)[1], e["name"]): e for e in entries}
    for name in (("deprovision_instance", "with-backup"), ("backup_instance", "on-demand")):
        assert (found[name]["work_pool"]["name"], found[name]["concurrency_limit"]) == ("long", 4)


def due(deployment: str, seconds_ago: int, auto: bool = True) -> Any:
    start = NOW - timedelta(seconds=seconds_ago)
    return SimpleNamespace(
        flow_run=SimpleNamespace(deployment_id=deployment, auto_scheduled=auto, expected_start_time=start)
    )


def test_late_runs_of_a_schedule_give_way_to_its_newest_and_requests_never_do():
    old, new, other = due("housekeep", 90), due("housekeep", 30), due("distribute", 3600)
    asked = [due("provision", 300, auto=False), due("provision", 200, auto=False)]
    assert only_the_newest_of_each_schedule([asked[0], old, new, other, asked[1]]) == (
        [asked[0], new, other, asked[1]],
        [old],
    )
