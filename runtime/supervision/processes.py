"""The processes of the stack, kept alive by supervisord: its configuration, and the few orders given to it."""

import contextlib
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from blocks.files.private_files import guard_folder
from blocks.resources import home
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError
from runtime.supervision.environment import marked_processes, prefects_home
from runtime.supervision.failover import WARM_STANDBY

#: -P: a folder called `tasks` where the stack was started must not hide ours.
PYTHON = (sys.executable, "-P")
STOPPED = ("STOPPED", "EXITED", "FATAL")
START_SECONDS = 10  # of supervisord
SHUTDOWN_SECONDS = 130  # as long as the programs that stop one after the other may take
NOT_RUNNING, ALREADY_STARTED = 70, 60  # faults of supervisord's API that are no trouble


@dataclass(frozen=True)
class Program:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    order: int  # started before those with a higher number, stopped after them
    stop_seconds: int = 10  # from the stop signal to SIGKILL of its whole group
    stop_signal: str = "TERM"
    user: str = ""  # account that it runs as; empty: root


class Processes:
    """supervisord with its programs; every order may be repeated."""

    def __init__(self, settings: ProcessSettings) -> None:
        self._settings = settings
        self._logs = settings.data / "logs"
        self._config = settings.run_dir / "supervisord.conf"
        self._socket = settings.run_dir / "supervisor.sock"
        self._mark = settings.run_dir / "fingerprint"

    def render(self, programs: list[Program]) -> str:
        """supervisord.conf, with log files that are rotated below ``logs/``."""
        run, logs = self._settings.run_dir, self._logs
        head = (
            f"[unix_http_server]\nfile={self._socket}\nchmod=0700\n\n"
            f"[supervisord]\nlogfile={logs}/supervisor.log\nlogfile_maxbytes=5MB\nlogfile_backups=2\n"
            f"pidfile={run}/supervisord.pid\ndirectory={home()}\numask=027\n\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
        )
        return head + "".join(self._section(program) for program in programs)

    def _section(self, program: Program) -> str:
        return (
            f"\n[program:{program.name}]\ncommand={shlex.join(program.command)}\npriority={program.order}\n"
            f"autostart=false\nautorestart=true\nstartsecs=2\nstartretries=20\n"
            f"stopsignal={program.stop_signal}\nstopwaitsecs={program.stop_seconds}\nstopasgroup=false\nkillasgroup=true\n"
            f"redirect_stderr=true\nstdout_logfile={self._logs}/{program.name}.log\n"
            "stdout_logfile_maxbytes=20MB\nstdout_logfile_backups=3\n"
        ) + self._as_user(program.user)

    def _as_user(self, user: str) -> str:
        """Return the lines by which a program is not root's, and has neither root's home nor names in /tmp."""
        own = {"HOME": "/nonexistent", "USER": user, "LOGNAME": user, "TMPDIR": self._settings.data / "tmp"}
        words = ",".join(f'{name}="{said}"' for name, said in (own | prefects_home(self._settings, user)).items())
        return f"user={user}\nenvironment={words}\n" if user else ""

    def runs(self, fingerprint: str) -> bool:
        """Whether supervisord runs and was started from exactly this."""
        return self.alive() and self._started_from() == fingerprint

    def begin(self, programs: list[Program], environment: dict[str, str], fingerprint: str) -> None:
        """Start supervisord with these programs, none of which runs yet.

        Raises:
            DockerDriverError: it does not start.
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        guard_folder(self._settings.run_dir, self._settings.account)
        self._config.write_text(self.render(programs))
        command = [*PYTHON, "-m", "supervisor.supervisord", "-c", str(self._config)]
        with open(self._logs / "supervisord-start.log", "w", opener=_private) as out:
            more: Any = {"stdout": out, "stderr": out, "preexec_fn": leave_no_core_dump}
            subprocess.run(command, env=environment, cwd=home(), check=False, **more)
        for log in self._logs.glob("*.log*"):  # of an older version
            log.chmod(log.stat().st_mode & 0o640)
        self._wait_until_alive()
        self._mark.write_text(fingerprint)

    def _started_from(self) -> str:
        return self._mark.read_text() if self._mark.exists() else ""

    def _wait_until_alive(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.alive():
                return
            time.sleep(0.1)
        raise DockerDriverError(f"supervisord did not start; see {self._logs / 'supervisord-start.log'}")

    def alive(self) -> bool:
        """Whether supervisord answers."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return self._ask().getState()["statename"] == "RUNNING"
        return False

    def _is_there(self) -> bool:
        """Whether supervisord runs, also while it shuts down: then it answers each question with a fault."""
        try:
            self._ask().getState()
        except xmlrpc.client.Fault:
            return True
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def states(self) -> dict[str, str]:
        """State of each program, e.g. {"server": "RUNNING"}; empty when supervisord does not run."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return {info["name"]: info["statename"] for info in self._ask().getAllProcessInfo()}
        return {}

    def start(self, *names: str) -> None:
        """Start programs that do not run; does not wait until they are of use."""
        for name in names:
            self._order("startProcess", name, ALREADY_STARTED)

    def stop(self, *names: str) -> None:
        """Stop programs, all at the same time, and wait until each has ended.

        supervisord kills what has not ended in its time. It is told of the programs one after the other, in this order:
        one that stands by for another comes first, or it takes over where the other has ended.
        """
        for name in names:
            self._order("stopProcess", name, NOT_RUNNING)
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._still_there(names) and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop_workers(self) -> None:
        """Stop what runs flows, and wait until its runs have ended or been given up."""
        self.stop(*workers_of(self.states()))

    def _still_there(self, names: tuple[str, ...]) -> bool:
        return any(state not in STOPPED for name, state in self.states().items() if name in names)

    def _order(self, verb: str, name: str, no_trouble: int) -> None:
        try:
            getattr(self._ask(), verb)(name, False)  # without waiting for what it does
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != no_trouble:
                raise DockerDriverError(f"supervisord could not do {verb} for {name}: {fault.faultString}") from None
        except OSError:
            if verb == "startProcess":
                raise DockerDriverError(f"{name} cannot be started: supervisord does not run") from None

    def stop_all(self) -> None:
        """Stop supervisord and everything that it started, also what outlived a killed supervisord.

        Workers end first, then what was started last, one after the other: runs end while Prefect's server and the
        databases are still there.
        """
        with contextlib.suppress(DockerDriverError):  # what is left is stopped with the others
            self.stop_workers()
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            self._ask().shutdown()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._is_there() and time.monotonic() < deadline:
            time.sleep(0.2)
        end_marked_processes(self._settings.identity)

    def _ask(self) -> Any:  # what a method of supervisord answers, no stub knows
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor


def leave_no_core_dump() -> None:
    """Have neither this process nor those that it starts leave their memory in a file when they crash.

    It has keys of hosts, passwords and tokens of sessions in it. What is started may still ask for such a file itself:
    a system container's systemd, say.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def workers_of(programs: Iterable[str]) -> list[str]:
    """Return the programs that run flows, as ``warm``, ``warm-2`` and ``long``, in the order in which they are stopped.

    The one that stands by is the first. Where it hears later than the active one that it is to end, it takes over, and
    takes the runs that the other one gave up.
    """
    workers = [name for name in programs if name.partition("-")[0] in ("warm", "long")]
    return sorted(workers, key=lambda name: name != WARM_STANDBY)


def _private(path: str, flags: int) -> int:
    """Open a file that no other account reads."""
    return os.open(path, flags, 0o640)


def end_marked_processes(identity: str, patience: float = 30, shims: bool = False) -> None:
    """End what carries the installation's mark, politely first.

    The engine's shims are left alone unless *shims* says otherwise: with them the containers would end.
    """
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + seconds
        for pid in _to_end(identity, shims):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        while _to_end(identity, shims) and time.monotonic() < deadline:
            time.sleep(0.1)


def _to_end(identity: str, shims: bool) -> list[int]:
    marked = marked_processes(identity)
    return [
        pid
        for pid, command in marked.items()
        if command and pid != os.getpid() and (shims or "containerd-shim" not in command)
    ]
