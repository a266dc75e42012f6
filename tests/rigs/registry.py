"""Debian's docker-registry, empty at the start, on every address of this machine's own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt

from blocks.authority import Issued
from blocks.registry import RegistryCredentials

CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: ":{port}"{tls}}}
{auth}
"""
TLS = ", tls: {{certificate: {directory}/server.pem, key: {directory}/server.key}}"
LOGIN = "auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}"


@contextmanager
def running_registry(
    directory: Path, issued: Issued | None = None, login: RegistryCredentials | None = None
) -> Iterator[int]:
    """Its port; what it holds is below *directory*.

    Args:
        directory: empty.
        issued: the certificate that it shows; None: no TLS.
        login: the only one that it lets in; None: everybody.
    """
    assert shutil.which("docker-registry"), "needs Debian's docker-registry"
    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    tls = TLS.format(directory=directory) if issued else ""
    auth = LOGIN.format(directory=directory) if login else ""
    if issued:
        (directory / "server.pem").write_text(issued.certificate)
        (directory / "server.key").write_text(issued.private_key)
    if login:
        word = bcrypt.hashpw(login.password.encode(), bcrypt.gensalt(4))
        (directory / "htpasswd").write_bytes(login.username.encode() + b":" + word)
    (directory / "config.yml").write_text(CONFIG.format(root=directory / "data", port=port, tls=tls, auth=auth))
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
