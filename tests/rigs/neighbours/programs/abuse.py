"""A session that uses up all it can of one thing, again and again, until it is ended: ``abuse.py fork-bomb``."""

import contextlib
import ctypes
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

MEGABYTE = 1 << 20


def fork_bomb() -> None:
    """Fork in all processes at once; where there can be no more, try on."""
    while True:
        with contextlib.suppress(OSError):
            os.fork()


def memory_hog() -> None:
    """Take memory and use it until the kernel ends that process; then begin again."""
    while True:
        if child := os.fork():
            os.waitpid(child, 0)
            continue
        Path("/proc/self/oom_score_adj").write_text("1000")
        held = []
        while True:
            held.append(bytearray(os.urandom(1)) * MEGABYTE)


def disk_filler(path: str = "/tmp/filling") -> None:
    """Write until there is no room, hold that for a while, take it away, and begin again."""
    while True:
        with Path(path).open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(MEGABYTE))
        time.sleep(2)
        with contextlib.suppress(OSError):
            Path(path).unlink()


def shared_memory_filler() -> None:
    """Do the same in ``/dev/shm``."""
    disk_filler("/dev/shm/filling")


def inode_filler() -> None:
    """Make empty files until there can be no more."""
    Path("/tmp/many").mkdir()
    number = 0
    while True:
        try:
            os.close(os.open(f"/tmp/many/{number}", os.O_CREAT | os.O_WRONLY))
            number += 1
        except OSError:
            time.sleep(0.1)


def file_holder() -> None:
    """Hold as many files open as there can be, in as many processes."""
    while True:
        with contextlib.suppress(OSError):
            os.open("/dev/null", os.O_RDONLY)
            continue
        with contextlib.suppress(OSError):
            if not os.fork():
                os.closerange(3, 1 << 16)
                continue
        time.sleep(0.1)


def inotify_holder() -> None:
    """Hold as many inotify instances as its uid may have, in several processes: each may have a thousand files open."""
    os.fork()
    os.fork()
    make = ctypes.CDLL(None).inotify_init1
    while True:
        if make(0) < 0:
            time.sleep(0.1)


def log_spammer() -> None:
    """Write lines to both outputs."""
    where = 1 if os.fork() else 2
    line = b"x" * 120 + b"\n"
    while True:
        os.write(where, line * 30)


def connection_flood(address: str, port: str) -> None:
    """Open connections that stay, and send packets from ever new ports; close nothing before no more can be opened."""
    held: list[socket.socket] = []
    while True:
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                one = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
                held.append(one)
                with contextlib.suppress(BlockingIOError):
                    one.connect((address, int(port)))
                if kind == socket.SOCK_DGRAM:
                    one.send(b"x")
        except OSError:
            for one in held[::2]:
                one.close()
            held = held[1::2]


def busy() -> None:
    """Compute on each processor. That is no abuse: others have their share beside it."""
    for _ in range((os.cpu_count() or 1) - 1):
        if not os.fork():
            break
    while True:
        sum(range(1000))


ABUSES: dict[str, Callable[..., None]] = {
    "busy": busy,
    "fork-bomb": fork_bomb,
    "memory-hog": memory_hog,
    "disk-filler": disk_filler,
    "shared-memory-filler": shared_memory_filler,
    "inode-filler": inode_filler,
    "file-holder": file_holder,
    "inotify-holder": inotify_holder,
    "log-spammer": log_spammer,
    "connection-flood": connection_flood,
}
if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ABUSES[sys.argv[1]](*sys.argv[2:])
