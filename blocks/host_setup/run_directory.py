"""The private directory of one playbook run: it holds keys, so it goes away with the run, however the run ends.

Every process of a run carries the directory's path in its environment or command line: Ansible, its workers, which
leave Ansible's process group, and ssh, which stays behind to be used again. That is how they are found.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pool.errors import Refused

PREFIX = "playbook-"
LOCK = "lock"
LONGEST_PATH = 60  # bytes; ssh puts a socket into the directory and adds 36 to its name, and 107 are the limit
KILL_TRIES = 50
SETTLED_SECONDS = 60  # a younger directory may be one that is just being made


@contextmanager
def private_directory(parent: Path) -> Iterator[Path]:
    """Make a directory of mode 0700 below *parent*; afterwards neither it nor any process of the run is left.

    What a killed manager left behind is cleared away first.

    Raises:
        Refused: the path of *parent* is too long for ssh's socket.
    """
    if len(os.fsencode(parent)) > LONGEST_PATH:
        raise Refused(f"directory {parent} is too long a path for an ssh socket: at most {LONGEST_PATH} bytes")
    parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(parent)
    private = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with _locked(private):
            yield private
    finally:
        _remove(private)


def clear_abandoned(parent: Path) -> None:
    """Remove the directories below *parent* whose run has no manager any more, and end what is left of the runs."""
    for private in parent.glob(PREFIX + "*"):
        with suppress(OSError):
            if time.time() - private.stat().st_mtime > SETTLED_SECONDS and _is_free(private):
                _remove(private)


def end_processes_of(private: Path) -> None:
    """Kill every process, but ourselves, that carries the directory in its environment or command line."""
    for _ in range(KILL_TRIES):  # again and again, for those that are just being started
        found = _processes_of(private)
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not found:
            return
        time.sleep(0.02)


def _processes_of(private: Path) -> list[int]:
    mark = os.fsencode(private)
    others = (entry for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid())
    return [int(process.name) for process in others if mark in _words_of(process)]


def _words_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    except OSError:  # it has ended, or is not ours to see
        return b""


@contextmanager
def _locked(private: Path) -> Iterator[None]:
    with (private / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _is_free(private: Path) -> bool:
    with (private / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _remove(private: Path) -> None:
    end_processes_of(private)
    shutil.rmtree(private, ignore_errors=True)
