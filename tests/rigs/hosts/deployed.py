"""Machines with systemd that the playbook of a manager is run on, as an operator's account sees them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from blocks.host_setup.shell import HostShell
from tests.rigs.hosts.local_host import LocalHost

PIP = Path("/etc/pip.conf")
TLS = "/etc/dockerdriver/tls"
PASSWORD = "ops:correct-horse"


@dataclass
class Machine:
    """One of them."""

    host: LocalHost
    shell: HostShell

    def root(self, command: str, seconds: float = 60) -> str:
        return self.shell.run(f"sudo sh -c '{command}'", seconds)

    def state(self, part: str) -> str:
        return self.root(f"systemctl is-active dockerdriver-{part} || true").strip()

    def prepare(self) -> None:
        """Have it reach packages as this machine does, and what the tests ask with."""
        self.root("apt-get -q update && apt-get -qy install --no-install-recommends curl openssl", 300)
        if PIP.exists():
            self.shell.run(f"sudo tee {PIP}", 20, PIP.read_bytes())

    def make_api_certificate(self) -> None:
        """Have a certificate for the API's name, signed by itself."""
        uses = "-addext keyUsage=critical,digitalSignature,keyCertSign"
        names = f"-subj /CN=api.example -addext subjectAltName=DNS:api.example {uses}"
        files = f"-keyout {TLS}/key.pem -out {TLS}/cert.pem"
        self.root(f"mkdir -p {TLS} && openssl req -x509 -newkey ed25519 -nodes -days 2 {files} {names}")


@contextmanager
def of_an_operator(machine: LocalHost) -> Iterator[tuple[LocalHost, HostShell]]:
    """Log in as another account than hosts have for it: its name is the one that the manager's workers get."""
    home, login = "/home/deployer", machine.login.model_copy(update={"user": "deployer"})
    with machine.shell() as shell:
        shell.run("sudo useradd --create-home --shell /bin/sh deployer", 20)
        shell.run(f"sudo cp -r ~/.ssh {home}/ && sudo chown -R deployer {home}", 20)
        shell.run("echo 'deployer ALL=(ALL) NOPASSWD: ALL' | sudo tee /etc/sudoers.d/deployer", 20)
    host = replace(machine, login=login)
    with host.shell() as shell:
        shell.run("sudo userdel --force --remove dockerdriver", 20)
        yield host, shell
