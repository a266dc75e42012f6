"""Who can be killed in a running stack, by which command; and when all of it is back."""

import subprocess
import time
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from blocks.gateway.client import Gateway
from blocks.settings import ProcessSettings
from runtime.supervision.processes import Processes
from tests.reliability.points import Victim
from tests.rigs.services.postgres import PostgresServer
from tests.rigs.stacks.stack import Stack

BACK_SECONDS = 120
PROGRAMS = {"server", "gateway", "warm", "long"}


class Battlefield:
    """A running stack on PostgreSQL, seen from outside."""

    def __init__(self, stack: Stack, database: PostgresServer):
        self.stack = stack
        self.settings = ProcessSettings(data=stack.data, _env_file=None)
        self.database = database
        self.gateway = Gateway(self.settings.gateway_socket, self.settings.gateway_snapshot)
        self._processes = Processes(self.settings)

    def command_against(self, victim: Victim, host: str) -> list[str]:
        """What kills the victim; empty: the process that reads this kills itself."""
        container = f"{self.settings.identity}-{host}"
        docker = ["docker", "-H", self.stack.engine]
        return {
            Victim.WORKER: [],
            Victim.SERVER: self._kill_group("server"),
            Victim.GATEWAY: self._kill_group("gateway"),
            Victim.ENGINE: [*docker, "exec", container, "pkill", "-KILL", "dockerd"],
            Victim.HOST: [*docker, "kill", container],
            Victim.REBOOT: [*docker, "restart", "-t", "0", container],
            Victim.DATABASE: self.database.command_that_ends_all_connections(),
        }[victim]

    def _kill_group(self, program: str) -> list[str]:
        transport = SupervisorTransport(None, None, f"unix://{self.settings.run_dir}/supervisor.sock")
        supervisor = ServerProxy("http://supervisor", transport=transport).supervisor
        return ["kill", "-KILL", "--", f"-{supervisor.getProcessInfo(program)['pid']}"]  # it leads its process group

    def host_runs(self, host: str) -> bool:
        """Whether the machine that a host is runs."""
        container = f"{self.settings.identity}-{host}"
        command = ["docker", "-H", self.stack.engine, "inspect", "-f", "{{.State.Running}}", container]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "true"

    def wait_until_back(self) -> None:
        """Wait until supervisor has restarted what died, and it answers.

        Raises:
            AssertionError: it is not back in time; says what is missing.
        """
        deadline = time.monotonic() + BACK_SECONDS
        while missing := self._missing():
            assert time.monotonic() < deadline, f"not back after {BACK_SECONDS} s: {', '.join(missing)}"
            time.sleep(0.5)

    def _missing(self) -> list[str]:
        states = self._processes.states()
        down = sorted(name for name in PROGRAMS if states.get(name) != "RUNNING")
        if not down and not self.stack.healthy():
            down.append("server's answer")
        if not down and not self.gateway.alive():
            down.append("gateway's answer")
        return down
