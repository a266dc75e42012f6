"""Two processes for one service: one is active, the other has imported all it needs and stands by.

The active one holds a lock of the kernel's, which ends with its process, however that ends. So there is never a second
one that is active, and no process has to find out whether another one is dead.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from blocks.files.private_files import open_lock
from blocks.settings import ProcessSettings

#: The second process of each; it is the active one where the first has ended, which then stands by.
SERVER_STANDBY, WARM_STANDBY = "server-standby", "warm-standby"


def server_lock(settings: ProcessSettings, port: int) -> Path:
    """Return the lock of Prefect's servers on a port, of which one is active."""
    return settings.data / "prefect" / f"server-{port}.lock"


def worker_lock(settings: ProcessSettings, name: str) -> Path:
    """Return the lock of the workers of a name, of which one is active."""
    return settings.data / "prefect" / f"worker-{quote(name, safe='')}.lock"


class Failover:
    """The lock of one service, for one of its processes, which keeps this: dropped, it gives the lock back."""

    def __init__(self, lock: Path) -> None:
        """Open the lock, on a disk of this machine. It is made where it is missing, and never removed."""
        lock.parent.mkdir(parents=True, exist_ok=True)
        self._lock = open_lock(lock)  # a program that this process starts does not inherit it
        self._active = False

    def try_active(self) -> bool:
        """Be active, until this process ends, unless another process is; whether it is."""
        return self._active or self._take(fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_until_active(self, stands_by: Callable[[], None]) -> None:
        """Call *stands_by* once if another process is active, and wait for its end."""
        if not self.try_active():
            stands_by()
            self._take(fcntl.LOCK_EX)

    def _take(self, how: int) -> bool:
        try:
            fcntl.flock(self._lock, how)
        except BlockingIOError:
            return False
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        self._active = True
        return True


def active_process(lock: Path) -> int:
    """Return the process id of the active one; 0: none was yet. It may have ended since."""
    try:
        return int(lock.read_text() or 0)
    except OSError:
        return 0
