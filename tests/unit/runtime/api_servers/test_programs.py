"""Which processes serve Prefect's API, and what they are told."""

import shutil
from typing import Any

import pytest
from prefect.settings.models.root import Settings
from pydantic import BaseModel

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from runtime.api_servers.front_process import render_front
from runtime.api_servers.programs import answering, api_programs, check_api_servers, first_programs, later_programs
from runtime.api_servers.redis_process import redis_command
from runtime.stack.prefect_server import arguments
from runtime.stack.start import at_last, programs
from runtime.supervision.environment import stack_environment
from runtime.supervision.processes import workers_of

pytestmark = pytest.mark.unit


def several(**said: Any) -> ProcessSettings:
    return ProcessSettings(data="/srv/dd", api_servers=2, **said, _env_file=None)


ONE = ProcessSettings(data="/srv/dd", _env_file=None)


def test_one_server_needs_nothing_beside_it():
    assert [program.name for program in api_programs(ONE)] == ["server", "server-standby"]
    assert (first_programs(ONE), later_programs(ONE), answering(ONE)) == (["server"], ["server-standby"], "server")
    assert not {name for name in stack_environment(ONE, "unix:///e") if "REDIS" in name or "DOCKET" in name}


def test_several_have_their_services_in_one_process_and_an_nginx_on_the_port_of_the_one():
    found = {program.name: program.command for program in api_programs(several(prefect_port=5000))}
    assert list(found) == ["redis", "api-1", "api-2", "services", "api"]
    assert [found[name][-2:] for name in ("api-1", "api-2")] == [("5001", "--no-services"), ("5002", "--no-services")]
    text = render_front(several(prefect_port=5000))
    assert [line.split()[1].strip(";") for line in text.splitlines() if "127.0.0.1" in line] == [
        "127.0.0.1:5001",
        "127.0.0.1:5002",
        "127.0.0.1:5000",
    ]


def test_all_of_them_are_started_those_that_the_others_wait_for_first():
    settings = several(warm_workers=2)
    assert first_programs(settings) == ["redis", "api-1", "api"]
    assert at_last(settings) == ["api-2", "services", "gateway", "warm", "warm-2", "long"]
    started = {*first_programs(settings), *at_last(settings), "database"}
    assert started == {program.name for program in programs(settings, own_engine=False)}


def test_they_are_the_account_s_where_workers_have_one_but_for_ports_that_root_alone_may_open():
    assert {program.user for program in api_programs(several(cloud="static"))} == {"dockerdriver"}
    low = {program.name: program.user for program in api_programs(several(cloud="static", prefect_port=420))}
    assert low == {"redis": "dockerdriver", "api-1": "", "api-2": "", "services": "dockerdriver", "api": ""}
    assert {program.user for program in api_programs(several(cloud="local"))} == {""}


def test_workers_are_known_by_name():
    names = [program.name for program in programs(several(warm_workers=2), own_engine=False)]
    assert workers_of(names) == ["warm", "warm-2", "long"]


def test_the_process_that_stands_by_is_told_first_to_end_as_it_would_take_over():
    assert workers_of(sorted(program.name for program in programs(ONE, own_engine=False))) == [
        "warm-standby", "long", "warm",
    ]  # fmt: skip


def test_the_process_that_stands_by_for_the_one_worker_has_its_name():
    found = {program.name: program for program in programs(ONE, own_engine=False)}
    assert found["warm-standby"].command == found["warm"].command
    alone = ProcessSettings(data="/srv/dd", standby_processes=False, _env_file=None)
    assert not {name for name in [p.name for p in programs(alone, own_engine=False)] if "standby" in name}


def test_no_two_workers_have_one_name():
    found = {program.name: program for program in programs(several(warm_workers=3), own_engine=False)}
    assert [found[name].command[-1] for name in workers_of(found)] == ["warm", "warm-2", "warm-3", "long"]


def in_memory(settings: BaseModel, path: tuple[str, ...] = ("PREFECT",)) -> list[str]:
    """Names of the settings by which Prefect's server keeps something in its own memory alone."""
    found = []
    for name, value in settings:
        where = (*path, name.upper())
        if isinstance(value, BaseModel):
            found += in_memory(value, where)
        elif isinstance(value, str) and ("memory" in value.rpartition(".")[2] or value.startswith("memory://")):
            found.append("_".join(where))
    return found


def test_several_servers_keep_nothing_in_the_memory_of_one():
    known_by = {
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "PREFECT_MESSAGING_BROKER",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "PREFECT_MESSAGING_CACHE",
    }
    environment = stack_environment(several(), "unix:///e")
    wanted = [known_by.get(name, name) for name in in_memory(Settings().server, ("PREFECT", "SERVER"))]
    assert len(wanted) >= 6
    assert [name for name in wanted if "redis" not in environment.get(name, "")] == []


def test_sqlite_serves_one_server_alone():
    with pytest.raises(Refused, match="DD_API_SERVERS is 2, and Prefect's database is SQLite"):
        check_api_servers(several(database="sqlite"))
    check_api_servers(ProcessSettings(data="/srv/dd", database="sqlite", _env_file=None))


def test_a_redis_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DockerDriverError, match="apt-get install redis-server"):
        check_api_servers(several())


def test_the_redis_listens_on_no_port_and_shows_the_mark_of_the_stack():
    words = redis_command(several())
    said = dict(zip(words[1::2], words[2::2], strict=True))
    assert (said["--port"], said["--unixsocketperm"], said["--set-proc-title"]) == ("0", "700", "no")


def test_a_server_knows_the_port_that_it_was_given():
    said = arguments(ONE, ["--port", "4201", "--no-services"])
    assert (said.port, said.no_services, arguments(ONE, []).port) == (4201, True, 4200)
