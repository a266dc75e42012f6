"""A whole stack on a static cloud: its workers and Prefect's server are not root, and a session starts all the same."""

import pwd
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from blocks.settings import ProcessSettings
from runtime.supervision.environment import marked_processes
from tests.rigs.hosts.clouds import NAMESPACE
from tests.rigs.hosts.listed_machine import listed_machine
from tests.rigs.stacks.accounts import OF_THE_ACCOUNT, users_by_word
from tests.rigs.stacks.open_checkout import PLACE, opened
from tests.rigs.stacks.stack import Stack
from tests.system.conftest import fresh_installation

pytest_plugins = ("tests.rigs.hosts.cloud_fixtures",)
pytestmark = [pytest.mark.system, pytest.mark.nightly, pytest.mark.timeout(1500)]

ACCOUNT, OTHER = "dockerdriver", "nobody"


@pytest.fixture(scope="module")
def static_stack(engine_url, open_local) -> Iterator[Stack]:
    """A stack that came up as an operator brings one up, who lists a machine meanwhile."""
    settings = {"DD_CLOUD": "static", "DD_ENGINE_URL": engine_url, "DD_HOST_DATA_VOLUME_FACTOR": "0"}
    it = opened(fresh_installation(PLACE / ".dockerdriver", **settings))
    try:
        with ThreadPoolExecutor() as aside:
            up = aside.submit(it.command, "up")
            with listed_machine(it, open_local(f"{NAMESPACE}-listed")):
                assert up.result().returncode == 0, f"{up.result().stdout}\n{it.logs()}"
                it.first_output = up.result().stdout
                yield it
    finally:
        it.take_away()


def as_account(account: str, *command: object) -> subprocess.CompletedProcess:
    words = ["setpriv", f"--reuid={account}", f"--regid={pwd.getpwnam(account).pw_gid}", "--init-groups", "--"]
    return subprocess.run([*words, *map(str, command)], capture_output=True, text=True, check=False)


def process_settings(stack: Stack) -> ProcessSettings:
    return ProcessSettings(data=stack.data, cloud="static", _env_file=None)


def test_workers_and_prefects_server_are_the_account_s_and_what_starts_them_is_root_s(static_stack):
    roots = {"supervisord": {"root"}, "gateway_logs": {"root"}}
    seen = users_by_word(process_settings(static_stack), *OF_THE_ACCOUNT, *roots)
    assert seen == OF_THE_ACCOUNT | roots


def test_a_session_starts_opens_and_ends(static_stack):
    answer = static_stack.provision("unprivileged-1", user="ada")
    opened = httpx.post(answer["launch_url"], trust_env=False, follow_redirects=True)
    assert (opened.status_code, "jupyter" in opened.text.lower()) == (200, True)
    assert static_stack.run("deprovision-instance/on-demand", instance_id="unprivileged-1")[0] == "COMPLETED"


def test_another_local_account_reads_no_file_of_the_stack_and_reaches_no_socket(static_stack):
    settings = process_settings(static_stack)
    folders = (static_stack.data, settings.run_dir, settings.database_socket)
    images = static_stack.data / "engine"  # the engine's own, which it guards
    files = [
        file for folder in folders for file in folder.rglob("*") if not file.is_dir() and images not in file.parents
    ]
    holding = [file for file in files if secret_of(static_stack) in content(file)]
    assert holding == [static_stack.data / "api-password"]
    for file in (*holding, settings.gateway_snapshot, settings.gateway_socket, settings.assignments_file):
        assert as_account(OTHER, "test", "-r", file).returncode != 0
        assert as_account(ACCOUNT, "test", "-r", file).returncode == 0
    for pid in marked_processes(settings.identity):
        assert as_account(OTHER, "cat", f"/proc/{pid}/environ").stdout == ""


def secret_of(stack: Stack) -> bytes:
    return stack.login[1].encode()


def content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() and file.stat().st_size < 10_000_000 else b""


def test_the_account_owns_the_databases_and_is_not_their_superuser(static_stack):
    ask = ("psql", "-h", process_settings(static_stack).database_socket, "-d", "pool", "-tAc", "SELECT current_user")
    assert as_account(ACCOUNT, *ask, "-U", "dockerdriver").stdout.strip() == "dockerdriver"
    assert as_account(ACCOUNT, *ask, "-U", "postgres").returncode != 0
    assert as_account(OTHER, *ask, "-U", "dockerdriver").returncode != 0


def test_an_installation_that_was_root_s_is_taken_over_by_the_next_make_up_and_its_session_lives_on(static_stack):
    static_stack.settings["DD_WORKER_USER"] = "root"
    bring_up(static_stack)
    assert users_by_word(process_settings(static_stack), "-n warm") == {"-n warm": {"root"}}
    static_stack.provision("unprivileged-2", user="ada")
    del static_stack.settings["DD_WORKER_USER"]
    bring_up(static_stack)
    workers = {"-n warm": {ACCOUNT}, "-n long": {ACCOUNT}}
    assert users_by_word(process_settings(static_stack), *workers) == workers
    assert httpx.post(static_stack.link("unprivileged-2"), trust_env=False, follow_redirects=True).status_code == 200
    assert static_stack.run("deprovision-instance/on-demand", instance_id="unprivileged-2")[0] == "COMPLETED"


def bring_up(stack: Stack) -> None:
    up = stack.command("up")
    assert up.returncode == 0, f"{up.stdout}\n{stack.logs()}"
