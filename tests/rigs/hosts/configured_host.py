"""A host after the first run of the playbook."""

import shlex
from dataclasses import dataclass

from blocks.host_setup.playbook import PlaybookReport
from blocks.host_setup.shell import CommandFailed
from tests.rigs.hosts.playbook_host import PlaybookHost

SESSION_PORT = 20000


@dataclass
class Configured(PlaybookHost):
    """The host after the first run of the playbook, and what that did."""

    report: PlaybookReport
    lines: list[str]

    def root(self, command: str, stdin: bytes = b"") -> str:
        """Run a shell command line on the host as root."""
        return self.shell.run(f"sudo sh -c {shlex.quote(command)}", timeout=60, stdin=stdin).strip()

    def reaches(self, container: str, address: str, port: int) -> bool:
        """Whether a container gets a TCP connection there."""
        try:
            self.root(f"docker exec {container} /bin/busybox nc -w 2 {address} {port} -e /bin/true")
        except CommandFailed:
            return False
        return True


#: systemd gives up on a service that is started more often in a minute than it likes, and these tests are quick.
RESTART = "systemctl reset-failed docker; systemctl restart docker"


def fetches(configured, url):
    reading = f"import urllib.request; urllib.request.urlopen('{url}', timeout=2)"
    try:
        configured.root(f'python3 -c "{reading}"')
    except CommandFailed:
        return False
    return True
