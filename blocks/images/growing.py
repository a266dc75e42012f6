"""Files of ``images/`` that are still being written: by a copy, by ``dd``, by the end of a pipe from elsewhere."""

import fcntl
import signal
import time
from contextlib import suppress
from pathlib import Path

SETTLE_SECONDS = 2  # a file that changed later than this may still be being copied


def has_settled(changed_ns: int) -> bool:
    """Whether a file that was changed at this time, in nanoseconds since 1970, may be complete."""
    return time.time_ns() - changed_ns >= SETTLE_SECONDS * 1e9


def is_being_written(path: Path) -> bool:
    """Ask the kernel whether any process has the file open for writing, however long it has written nothing.

    It gives a lease to read only on a file that none has. Where it gives none at all (NFS, another user's file), the
    answer is no, and the time of the last change has to do; so it is of a file that is gone or cannot be read, of which
    the next step says so.
    """
    with suppress(OSError), path.open("rb") as file:
        # A process that opens it while the lease lasts would have us killed by SIGIO; this one nothing listens to.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
