"""A real terminal in a browser: Debian's shellinabox, unpacked from its package and not installed."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from pool.records import SESSION_PORTS
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

STOP_SECONDS = 10
GET = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-q", "shellinabox"]


@contextlib.contextmanager
def web_terminal() -> Iterator[int]:
    """The port of a shell that believes to be served at the root."""
    with tempfile.TemporaryDirectory(prefix="gw-terminal-", dir="/tmp") as name:
        directory, port = Path(name), free_port(SESSION_PORTS)
        directory.chmod(0o755)
        subprocess.run(GET, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg", "-x", next(directory.glob("*.deb")), directory / "root"], check=True)
        shell = ["-s", "/:nobody:nogroup:/:/bin/sh"]
        program = str(directory / "root/usr/bin/shellinaboxd")
        command = [program, "-t", "-p", str(port), "--localhost-only", *shell]
        server = subprocess.Popen(command, cwd=directory)
        try:
            until(lambda: _answers(port), "shellinabox answers")
            yield port
        finally:
            server.terminate()
            server.wait(STOP_SECONDS)


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        return True
    return False
