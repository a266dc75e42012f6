"""The stack's own PostgreSQL, for real: who gets in, what a kill leaves, where its data may lie."""

import os
import signal
import subprocess

import pytest

from blocks.settings import ProcessSettings
from pool.store.pool_store import PoolStore
from runtime.databases.databases import trouble_with
from runtime.databases.own_database import cluster, database_answers, database_running, end_database, processes_in
from tests.rigs.hosts.leftovers import mounts_of
from tests.rigs.pool_data import claim
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> ProcessSettings:
    """With its data in a folder that only root may enter, as a checkout in /root is."""
    folder = tmp_path_factory.mktemp("installation")
    folder.chmod(0o700)
    return ProcessSettings(data=folder / "data", _env_file=None)


@pytest.fixture
def running(settings):
    with database_running(settings):
        yield settings


def query_as(account: str, settings: ProcessSettings, role: str) -> subprocess.CompletedProcess:
    command = ["psql", f"--host={settings.database_socket}", f"--username={role}", "--command=SELECT 1", "pool"]
    return subprocess.run(command, user=account, cwd="/", capture_output=True, text=True, check=False)


def test_root_gets_in_and_no_other_account_does(running):
    assert query_as("root", running, "dockerdriver").returncode == 0
    for role in ("dockerdriver", "postgres", "nobody"):
        assert query_as("nobody", running, role).returncode != 0


def test_an_account_that_reaches_the_socket_is_refused_by_its_name(running):
    running.database_socket.chmod(0o755)
    socket = next(running.database_socket.glob(".s.PGSQL.*[0-9]"))
    socket.chmod(0o777)
    assert "Peer authentication failed" in query_as("nobody", running, "dockerdriver").stderr


def test_it_listens_on_no_tcp_port(running):
    listening = subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True, check=True).stdout
    ours = [f"pid={pid}," for pid in processes_in(cluster(running))]
    assert (len(ours) > 1, [line for line in listening.splitlines() if any(pid in line for pid in ours)]) == (True, [])


def test_what_was_written_is_there_after_a_stop_and_nothing_else_is_left(settings):
    with database_running(settings):
        store = PoolStore.open(settings.pool_database_url)
        store.upgrade()
        claim(store)
        store.close()
    assert (processes_in(cluster(settings)), settings.database_socket.exists()) == ([], False)
    assert mounts_of(str(settings.data), str(settings.database_socket)) == set()
    with database_running(settings):
        assert trouble_with(settings, settings.pool_database_url) == ""
        again = PoolStore.open(settings.pool_database_url)
        assert [host.name for host in again.hosts.all()] == ["main-01"]
        again.close()


def test_a_server_that_was_killed_leaves_nothing_that_keeps_the_next_one_from_starting(running):
    postmaster = int((cluster(running) / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: not database_answers(running), "the server is gone")
    end_database(running)
    with database_running(running):
        assert database_answers(running)


def test_half_a_cluster_is_never_taken_for_one(tmp_path):
    settings = ProcessSettings(data=tmp_path, _env_file=None)
    half = tmp_path / "postgres" / "new-left"
    half.mkdir(parents=True)
    with database_running(settings):
        assert not half.exists()
