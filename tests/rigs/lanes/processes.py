"""The processes of the lanes, which all end cleanly when this program is told to end."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from types import FrameType

#: The exit code of what was not begun, because the run was told to end.
NOT_BEGUN = 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Processes:
    """Runs processes, each in a group of its own.

    So Ctrl-C of a terminal does not reach them: they get one SIGTERM, at which their fixtures stop what they started.
    `run` is for threads. The main thread waits and takes the signals; it never holds the lock when one comes.
    """

    def __init__(self, python: str) -> None:
        self._python = python
        self._lock, self._running = Lock(), list[subprocess.Popen[bytes]]()
        self.told_to_end = False

    def take_signals(self) -> None:
        """From now on, end all processes when this one is told to end; what is ignored (nohup) stays so."""
        for ending in ENDINGS:
            if signal.getsignal(ending) is not signal.SIG_IGN:
                signal.signal(ending, self._end_all)

    def run(self, words: Sequence[str], log: Path, niceness: int = 0, **environment: str) -> int:
        """Run Python with these arguments and wait; its exit code. What it says is added to the log."""
        with log.open("ab") as out, self._lock:
            if self.told_to_end:
                return NOT_BEGUN
            command = ["nice", "-n", str(niceness), self._python, *words]
            process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=os.environ | environment, process_group=0
            )
            self._running.append(process)
        code = process.wait()
        with self._lock:
            self._running.remove(process)
        return code

    def _end_all(self, number: int, frame: FrameType | None) -> None:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        print("all lanes clean up, then end", file=sys.stderr, flush=True)
        with self._lock:
            self.told_to_end = True
            for process in self._running:
                process.terminate()
