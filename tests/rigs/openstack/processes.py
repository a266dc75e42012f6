"""The rig's processes: each leads a session of its own, which is written down, so that all are found and ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class ProcessesError(Exception):
    """A process of the rig ended early, or did not become ready in time; the end of its log is in the message."""


class Processes:
    """Processes with one log file each, and one environment for all."""

    def __init__(self, run: Path, environment: dict[str, str]):
        self.run = run
        self.logs = run / "log"
        self.environment = os.environ | environment
        self.running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, *command: str | Path | int, **environment: str | Path | int) -> None:
        """Start a process in a session of its own."""
        more = {key: str(value) for key, value in environment.items()}
        with self._log(name).open("ab") as out:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.run,
                env=self.environment | more,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.running[name] = process
        with self._sessions.open("a") as sessions:
            sessions.write(f"{process.pid}\n")

    def finish(self, name: str, *commands: tuple[str | Path, ...], **environment: str | Path) -> None:
        """Run commands one after the other, each to its end.

        Raises:
            ProcessesError: one failed.
        """
        for command in commands:
            self.start(name, *command, **environment)
            if self.running.pop(name).wait():
                raise ProcessesError(f"{' '.join(map(str, command))} failed:\n{self.tail(name)}")

    def wait(self, name: str, ready: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until a started process is ready.

        Raises:
            ProcessesError: it ended, or *seconds* have passed.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.running[name].poll() is not None:
                raise ProcessesError(f"{name} ended with status {self.running[name].returncode}:\n{self.tail(name)}")
            if time.monotonic() > deadline:
                raise ProcessesError(f"{name} is not ready after {seconds:.0f} s:\n{self.tail(name)}")
            time.sleep(0.1)

    def stop(self, name: str, seconds: float = 30) -> None:
        """End one process in good order."""
        process = self.running.pop(name)
        process.terminate()
        process.wait(seconds)

    def kill_all(self) -> None:
        """End every process of every session of the rig, also those of a test run that was itself killed."""
        sessions = set(self._sessions.read_text().split()) if self._sessions.exists() else set()
        while found := [pid for pid in _pids() if _session(pid) in sessions and self._is_here(pid)]:
            for pid in found:
                _kill(pid)
            for process in self.running.values():
                process.poll()
            time.sleep(0.05)
        self.running.clear()

    def tail(self, name: str, lines: int = 25) -> str:
        """The last lines that a process wrote."""
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-lines:])

    def wrote(self, name: str, words: str) -> bool:
        """Whether a process has written these words."""
        return words in self._log(name).read_text(errors="replace")

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @property
    def _sessions(self) -> Path:
        return self.run / "sessions"

    def _is_here(self, pid: int) -> bool:
        """Whether it works below the rig's folder: a session's number may have been given away again."""
        try:
            return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(self.run)
        except OSError:
            return False


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session(pid: int) -> str:
    """The session's id. The process's name, in brackets, may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3]
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
