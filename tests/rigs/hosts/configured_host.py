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

    def loop_device(self, file: str) -> str:
        """Make a block device of a file of the host, and return its name.

        The machine has one list of them: what is free when it is asked for may be another test's a moment later.
        """
        control = "[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237"
        take = "n=$(losetup -f) && { [ -e $n ] || mknod $n b 7 ${n#/dev/loop}; } && losetup $n " + file
        return self.root(f"{control}; until {{ {take}; }} 2>/dev/null; do sleep 0.2; done; echo $n")


#: systemd gives up on a service that is started more often in a minute than it likes, and these tests are quick.
RESTART = "systemctl reset-failed docker; systemctl restart docker"


def fetches(configured, url):
    reading = f"import urllib.request; urllib.request.urlopen('{url}', timeout=2)"
    try:
        configured.root(f'python3 -c "{reading}"')
    except CommandFailed:
        return False
    return True
