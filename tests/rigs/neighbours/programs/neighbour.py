"""A session that behaves: asked for it, it does a fixed piece of work, and says how many seconds that took."""

import ctypes
import json
import os
import random
import resource
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NUMBERS, PROCESSES, WRITTEN = 250_000, 60, 4 << 20
FILE = Path("/tmp/work")


def compute() -> None:
    """Use a processor and some memory."""
    numbers = [random.Random(7).random() for _ in range(NUMBERS // 100)] * 100
    for _ in range(4):
        sorted(numbers, key=lambda number: -number)


def begin() -> None:
    """Start processes, one after the other."""
    for _ in range(PROCESSES):
        subprocess.run(["/bin/true"], check=True)


def write() -> None:
    """Write a file, and wait until the disk has it."""
    with FILE.open("wb") as file:
        file.write(bytes(WRITTEN))
        os.fsync(file.fileno())


def watch() -> None:
    """Have the kernel tell of changes of files, as a notebook's server does."""
    instance = ctypes.CDLL(None, use_errno=True).inotify_init1(0)
    if instance < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(instance)


PARTS = {"compute": compute, "begin": begin, "write": write, "watch": watch}


def processor_seconds() -> float:
    """Return what this process and those that it has waited for have used, in user's code and in the kernel."""
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


class Session(BaseHTTPRequestHandler):
    """Answers ``/part/<name>`` once that part is done, and all else at once."""

    def do_GET(self) -> None:
        """Do the part of the work that is asked for."""
        begun, used = time.monotonic(), processor_seconds()
        try:
            PARTS.get(self.path.rpartition("/")[2], lambda: None)()
            said: dict[str, object] = {"seconds": time.monotonic() - begun, "processor": processor_seconds() - used}
        except OSError as error:
            said = {"error": error.strerror}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ThreadingHTTPServer(("", 8888), Session).serve_forever()
