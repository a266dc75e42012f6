"""Several servers of Prefect's API and what they share, by the stack's commands, with no supervisor. Needs root."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx

from blocks.settings import ProcessSettings
from blocks.stored.api_password import api_password, keep_password, own_pair
from pool.store.pool_store import PoolStore
from runtime.api_servers.front_process import end_front
from runtime.api_servers.programs import first_programs, later_programs
from runtime.databases.own_database import end_database, remove_sockets, wait_for_database
from runtime.stack.start import PASSWORDS, programs
from runtime.supervision.environment import stack_environment
from runtime.supervision.processes import Processes
from tests.rigs.ports import free_port
from tests.rigs.services.prefect_server import ROOT, PrefectServer, stop
from tests.rigs.waiting import until


class ApiServers(PrefectServer):
    """So many servers on a PostgreSQL; where they are several, with a Redis, their services and an nginx."""

    def __init__(self, home: Path, count: int = 2):
        super().__init__(home)
        self.port = port_before(count)
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.settings = ProcessSettings(
            data=home / "data", prefect_port=self.port, api_servers=count, cloud="local", _env_file=None
        )
        self.settings.data.mkdir()
        keep_password(self.settings)
        self.password = api_password(self.settings)
        path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        of_processes = dict.fromkeys(PASSWORDS, own_pair()) | {"PYTHONPATH": path}
        self.env = stack_environment(self.settings, "unix:///no/engine.sock") | of_processes
        self.rest = self.client(self.port)
        self.processes: dict[str, subprocess.Popen] = {}

    def client(self, port: int) -> httpx.Client:
        """A client with the password, of one of them or of the nginx before them."""
        url, login = f"http://127.0.0.1:{port}/api", httpx.BasicAuth(*self.password.split(":"))
        return httpx.Client(base_url=url, auth=login, timeout=60, trust_env=False)

    def start(self) -> None:
        self.begin("database")
        wait_for_database(self.settings, Processes(self.settings))
        for name in first_programs(self.settings):
            self.begin(name)
        until(self.answers, f"Prefect's API on {self.url} (see {self.home}/*.log)", 300)
        for name in later_programs(self.settings):
            self.begin(name)
        until(lambda: all(map(self.is_there, self.settings.api_ports)), "each of the servers answers", 300)
        PoolStore.open(self.settings.pool_database_url).upgrade()

    def is_there(self, port: int) -> bool:
        """Whether the server, or the nginx, of this port answers."""
        with suppress(httpx.HTTPError):
            return self.client(port).get("/admin/version").is_success
        return False

    def begin(self, name: str) -> None:
        """Start a program of the stack, as its supervisor does."""
        program = next(one for one in programs(self.settings, own_engine=False) if one.name == name)
        self.processes[name] = self.spawn(list(program.command), f"{name}.log")

    def kill(self, name: str) -> None:
        """Kill one and all of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def stop(self) -> None:
        for name in reversed(self.processes):
            if name != "database":
                stop(self.processes[name])
        end_front(self.settings)
        end_database(self.settings)
        remove_sockets(self.settings)
        for folder in (self.settings.run_dir, self.settings.redis_socket.parent):
            shutil.rmtree(folder, ignore_errors=True)


def port_before(count: int) -> int:
    """A free port before so many others that are free."""
    while True:
        first = free_port()
        with suppress(AssertionError):
            for port in range(first + 1, first + 1 + count):
                free_port(range(port, port + 1))
            return first
