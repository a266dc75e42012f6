"""Who can be killed in a running stack, how it is brought back, and when all of it is back."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import httpx
from supervisor.xmlrpc import SupervisorTransport

from blocks.gateway.client import Gateway
from blocks.settings import ProcessSettings
from pool.records import Instance
from runtime.databases.own_database import cluster, processes_in
from runtime.supervision.environment import marked_processes
from runtime.supervision.failover import active_process, server_lock, worker_lock
from runtime.supervision.processes import Processes
from tests.reliability.points import Victim
from tests.rigs.services.postgres import PostgresServer
from tests.rigs.stacks.stack import Stack
from tests.rigs.waiting import until

BACK_SECONDS = 120
STOP_SECONDS = 20
IDLE_CPU = 0.2  # seconds in one second
SERVERS = ("server", "server-standby")
#: By program that a second process stands by for: which file says who is active.
LOCKS: dict[str, Callable[[ProcessSettings], Path]] = {
    "server": lambda settings: server_lock(settings, settings.prefect_port),
    "warm": partial(worker_lock, name="warm"),
}
PROGRAMS = {"database", *SERVERS, "gateway", "warm", "warm-standby", "long"}


class Battlefield:
    """A running stack, seen from outside."""

    def __init__(self, stack: Stack, beside: PostgresServer | None = None) -> None:
        """See a stack.

        Args:
            stack: with Prefect's database in its own PostgreSQL.
            beside: the PostgreSQL that has the pool's; none: it is in the stack's own, too.
        """
        self.stack = stack
        self.settings = ProcessSettings(data=stack.data, prefect_port=stack.prefect_port, _env_file=None)
        self._beside = beside
        self.gateway = Gateway(self.settings.gateway_socket, self.settings.gateway_snapshot)
        self._processes = Processes(self.settings)

    def strike(self, victim: Victim, pid: int, host: str) -> None:
        """Kill the victim; what is to be away for some time is kept from coming back.

        Args:
            victim: who dies.
            pid: the process that has come to the point.
            host: name of the host of what is worked on.
        """
        beside = self._pools_database
        blows: dict[Victim, Callable[[], object]] = {
            Victim.WORKER: lambda: kill([pid]),
            Victim.SERVER: lambda: self.kill_program("server"),
            Victim.SERVER_AWAY: self._keep_servers_down,
            Victim.GATEWAY: lambda: self.kill_program("gateway"),
            Victim.ENGINE: lambda: self._docker("exec", self._container(host), "pkill", "-KILL", "dockerd"),
            Victim.HOST: lambda: self._docker("kill", self._container(host)),
            Victim.REBOOT: lambda: self._docker("restart", "-t", "0", self._container(host)),
            Victim.CONNECTIONS: beside.end_all_connections,
            Victim.POOL_DATABASE: beside.stop,
            Victim.POOL_DATABASE_LONG: beside.stop,
            Victim.PREFECT_DATABASE: self._keep_own_database_down,
            Victim.PREFECT_DATABASE_LONG: self._keep_own_database_down,
            Victim.POWER: self._cut_power,
        }
        blows[victim]()

    def bring_back(self, victim: Victim) -> None:
        """Start what does not come back by itself."""
        beside = self._pools_database
        backs: dict[Victim, Callable[[], object]] = {
            Victim.SERVER_AWAY: lambda: self._processes.start(*SERVERS),
            Victim.POOL_DATABASE: beside.start,
            Victim.POOL_DATABASE_LONG: beside.start,
            Victim.PREFECT_DATABASE: lambda: self._processes.start("database"),
            Victim.PREFECT_DATABASE_LONG: lambda: self._processes.start("database"),
            Victim.POWER: self._switch_on,
        }
        backs.get(victim, lambda: None)()

    @property
    def _pools_database(self) -> PostgresServer:
        assert self._beside, "the pool's database is in the stack's own PostgreSQL"
        return self._beside

    def program(self, name: str) -> int:
        """Process id of a program of the stack; 0: it does not run."""
        transport = SupervisorTransport(None, None, f"unix://{self.settings.run_dir}/supervisor.sock")
        said: Any = ServerProxy("http://supervisor", transport=transport).supervisor.getProcessInfo(name)
        return int(said["pid"])

    def kill_program(self, name: str) -> None:
        """Kill a program with all that it started in its own process group; supervisor starts it again.

        Where a second process stands by it is the active one that is killed.
        """
        if name in LOCKS:
            pid = active_process(LOCKS[name](self.settings))
            assert pid, f"no process of {name} was ever active"
        else:
            pid = self.program(name)
        if pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # it leads its process group

    def _keep_servers_down(self) -> None:
        active = active_process(LOCKS["server"](self.settings))
        for name in sorted(SERVERS, key=lambda name: self.program(name) == active):  # the active one last
            kill([self.program(name)])
            until(partial(self._is_stopped, name), f"{name} is kept down", STOP_SECONDS)

    def _keep_down(self, name: str) -> None:
        self.kill_program(name)
        until(lambda: self._is_stopped(name), f"{name} is kept down", STOP_SECONDS)

    def _is_stopped(self, name: str) -> bool:
        if self._processes.states().get(name) != "STOPPED":
            self._processes.stop(name)
        return self._processes.states().get(name) == "STOPPED"

    def kill_own_database(self) -> None:
        """Kill the stack's own PostgreSQL, all of it; supervisor starts it again."""
        kill(processes_in(cluster(self.settings)))

    def _keep_own_database_down(self) -> None:
        self.kill_own_database()
        self._keep_down("database")

    def _cut_power(self) -> None:
        """Kill all that the manager's machine runs for us at once; hosts are other machines, and run on."""
        marked = marked_processes(self.settings.identity)
        hosts = [pid for pid, command in marked.items() if "containerd-shim" in command]
        groups = {pid for program in PROGRAMS if (pid := self.program(program))}
        supervisor = int((self.settings.run_dir / "supervisord.pid").read_text())
        kill([supervisor, *(pid for pid in marked if pid not in (*hosts, os.getpid()))])
        kill(pid for pid in _pids() if _group(pid) in groups)
        self.kill_own_database()
        self._pools_database.stop()

    def _switch_on(self) -> None:
        self._pools_database.start()
        up = self.stack.command("up")
        assert up.returncode == 0, f"make up after the power was cut: {up.stdout[-2000:]}"

    def _container(self, host: str) -> str:
        return f"{self.settings.identity}-{host}"

    def _docker(self, *words: str) -> str:
        command = ["docker", "-H", self.stack.engine, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def in_session(self, instance: Instance, script: str) -> str:
        """Run a script by the shell of a session's container; what it printed."""
        inside = ("docker", "exec", instance.container, "sh", "-c", script)
        return self._docker("exec", self._container(instance.get_placement().host), *inside)

    def host_runs(self, host: str) -> bool:
        """Whether the machine that a host is runs."""
        return self._docker("inspect", "-f", "{{.State.Running}}", self._container(host)) == "true"

    def wait_until_back(self) -> None:
        """Wait until supervisor has restarted what died, and it answers.

        Raises:
            AssertionError: it is not back in time; says what is missing.
        """
        deadline = time.monotonic() + BACK_SECONDS
        while missing := self._missing():
            assert time.monotonic() < deadline, f"not back after {BACK_SECONDS} s: {', '.join(missing)}"
            time.sleep(0.2)

    def has_standby(self, name: str) -> bool:
        """Whether a program's second process has imported all it needs: it used hardly any CPU time for a second."""
        active = active_process(LOCKS[name](self.settings))
        second = next((pid for pid in map(self.program, (f"{name}-standby", name)) if pid not in (0, active)), 0)
        before = cpu_seconds(second)
        time.sleep(1)
        return bool(second) and cpu_seconds(second) - before < IDLE_CPU

    def _missing(self) -> list[str]:
        states = self._processes.states()
        down = sorted(name for name in PROGRAMS if states.get(name) != "RUNNING")
        if not down and not answers(self.stack):
            down.append("server's answer")
        if not down and not self.gateway.alive():
            down.append("gateway's answer")
        return down


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used; none where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answers(stack: Stack, seconds: float = 5) -> bool:
    """Whether Prefect's API answers what it must read in its database, in so many seconds."""
    url = f"http://127.0.0.1:{stack.prefect_port}/api/flows/count"
    with suppress(httpx.HTTPError):
        return httpx.post(url, json={}, auth=stack.login, timeout=seconds, trust_env=False).is_success
    return False


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each of these processes that still lives."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0
