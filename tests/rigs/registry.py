"""Debian's docker-registry, empty at the start, on every address of this machine's own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: ":{port}"}}
"""


@contextmanager
def running_registry(directory: Path) -> Iterator[int]:
    """Its port; what it holds is below *directory*."""
    assert shutil.which("docker-registry"), "needs Debian's docker-registry"
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    (directory / "config.yml").write_text(CONFIG.format(root=directory / "data", port=port))
    with subprocess.Popen(["docker-registry", "serve", directory / "config.yml"], stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield port
        finally:
            process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
