"""Debian's docker-registry, empty at the start, on every address of this machine's own."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
from jinja2 import Template

from blocks.stored.authority import Issued
from blocks.stored.registry_login import RegistryCredentials
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: ":{port}"}}
{auth}
"""
LOGIN = "auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}"
ROLE = Path(__file__).parents[3] / "playbooks" / "roles" / "registry" / "templates" / "config.yml.j2"


@contextmanager
def running_registry(
    directory: Path, issued: Issued | None = None, login: RegistryCredentials | None = None
) -> Iterator[int]:
    """Its port; what it holds is below *directory*.

    Args:
        directory: empty.
        issued: the certificate that it shows; None: no TLS.
        login: the only one that it lets in; None: it asks for none.
    """
    assert shutil.which("docker-registry"), "needs Debian's docker-registry"
    port = free_port()
    word = bcrypt.hashpw(login.password.encode(), bcrypt.gensalt(4)).decode() if login else None
    (directory / "htpasswd").write_text(f"{login.username}:{word}\n" if login else "")
    (directory / "config.yml").write_text(
        _as_the_role_does(directory, port, issued, word)
        if issued
        else CONFIG.format(root=directory / "data", port=port, auth=LOGIN.format(directory=directory) if login else "")
    )
    with subprocess.Popen(["docker-registry", "serve", directory / "config.yml"], stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _listens(port), "docker-registry listens")
            yield port
        finally:
            process.terminate()


def _as_the_role_does(directory: Path, port: int, issued: Issued, word: str | None) -> str:
    (directory / "server.pem").write_text(issued.private_key + issued.certificate)
    return Template(ROLE.read_text()).render(
        registry_root=directory / "data",
        registry_address="",  # every address of this machine: hosts of a test reach it under another than we
        registry_port=port,
        registry_configuration=directory,
        registry_htpasswd=word,
        ansible_managed="a test",
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
