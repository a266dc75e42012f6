"""A host after the first run of the playbook."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blocks.addresses.own_addresses import reachable_addresses
from blocks.engine.client import ENGINE_PORT, HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.host_setup.playbook import PlaybookReport
from pool.hosts.escapes import Door, doors
from tests.rigs.hosts.playbook_host import PlaybookHost

SESSION_PORT = 20000


@dataclass
class Configured(PlaybookHost):
    """The host after the first run of the playbook, and what that did."""

    report: PlaybookReport
    lines: list[str]

    def root(self, command: str, stdin: bytes = b"", seconds: int = 60) -> str:
        """Run a shell command line on the host as root."""
        return self.shell.run(f"sudo sh -c {shlex.quote(command)}", timeout=seconds, stdin=stdin).strip()

    def engine(self) -> HostEngine:
        """Its engine, as the manager reaches it."""
        client = self.authority.issue_client("manager", days=1)
        identity = EngineIdentity(self.authority.certificate, client.certificate, client.private_key)
        return HostEngine.connect(self.host.address, identity, self.host.name)

    def doors(self, *manager_ports: int) -> tuple[Door, ...]:
        """What none of its containers may reach, these ports of the manager among that."""
        listed: Any = self.run.variables["firewall_networks"]
        manager = set(reachable_addresses()).intersection(listed)
        return doors(self.host.address, ENGINE_PORT, sorted(manager), manager_ports)

    def reaches(self, container: str, address: str, port: int) -> bool:
        """Whether a container gets a TCP connection there."""
        return bool(self.reached(container, [(address, port)]))

    def reached(self, container: str, doors: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
        """Those of these addresses and ports that a container gets a TCP connection to; all are tried at once."""
        one = "(/bin/busybox nc -w 2 {0} {1} -e /bin/true 2>/dev/null && echo {0} {1}) & "
        tries = "".join(one.format(*door) for door in doors)
        said = self.root(f"docker exec {container} /bin/busybox sh -c {shlex.quote(tries + 'wait')}")
        return [(address, int(port)) for address, port in map(str.split, said.splitlines())]

    def loop_device(self, file: str) -> str:
        """Make a block device of a file of the host, and return its name.

        The machine has one list of them: what is free when it is asked for may be another test's a moment later.
        """
        control = "[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237"
        take = "n=$(losetup -f) && { [ -e $n ] || mknod $n b 7 ${n#/dev/loop}; } && losetup $n " + file
        return self.root(f"{control}; until {{ {take}; }} 2>/dev/null; do sleep 0.2; done; echo $n")


#: systemd gives up on a service that is started more often in a minute than it likes, and these tests are quick.
RESTART = "systemctl reset-failed docker; systemctl restart docker"

#: Run on the host with URLs: ends well once each has answered.
ANSWERING = b"""
import sys, time, urllib.request

until = time.monotonic() + 50
for url in sys.argv[1:]:
    while True:
        try:
            urllib.request.urlopen(url, timeout=2)
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
"""
