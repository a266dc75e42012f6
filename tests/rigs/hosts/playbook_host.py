"""A real host that playbooks are run on, just booted, and a fixture that writes playbooks of our roles."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from blocks.addresses.own_addresses import reachable_addresses
from blocks.host_setup.playbook import PlaybookReport, PlaybookRun, host_variables, run_playbook
from blocks.host_setup.shell import HostShell
from blocks.stored.authority import CertificateAuthority
from tests.rigs.hosts.local_host import LocalHost, local_host

PLAYBOOK_SECONDS = 500  # a minute, and four on a machine that has much else to do
FACTS = ["!all", "!min", "distribution"]
NEIGHBOUR = "198.18.0.2"  # in a network that containers are kept out of, but for names


@dataclass
class PlaybookHost:
    """A host that was just booted, and the run of our playbook that is meant for it."""

    host: LocalHost
    shell: HostShell
    authority: CertificateAuthority
    run: PlaybookRun
    directory: Path

    def again(self, playbook: Path | None = None, **variables: Any) -> tuple[PlaybookReport, list[str]]:
        """Run the playbook or another once more, with some variables changed; its report and its lines."""
        lines: list[str] = []
        variables = {**self.run.variables, **variables}
        run = replace(self.run, playbook=playbook or self.run.playbook, variables=variables)
        return run_playbook(run, lines.append, PLAYBOOK_SECONDS, self.directory), lines


@contextmanager
def playbook_host(engine_url: str, name: str = "playbook") -> Iterator[PlaybookHost]:
    """Boot one; it is gone afterwards. Nothing was run on it."""
    authority = CertificateAuthority.create("test authority")
    with local_host(name, engine_url) as host, of_authority(host, authority, variables_of(host, authority)) as bare:
        yield bare


@contextmanager
def of_authority(host: LocalHost, authority: CertificateAuthority, variables: dict) -> Iterator[PlaybookHost]:
    """A host that is there, for the length of a with block: a shell on it, and the run of our playbook."""
    run = PlaybookRun(host.name, host.address, host.host_key, host.login, variables)
    with TemporaryDirectory(prefix="dd-") as short, host.shell() as shell:
        yield PlaybookHost(host, shell, authority, run, Path(short))


def variables_of(host: LocalHost, authority: CertificateAuthority) -> dict:
    """What our playbook wants to know of the host, with a new certificate."""
    issued = authority.issue_server(host.name, host.address, days=90)
    return host_variables(
        host=host.name,
        ca_certificate=authority.certificate,
        server_certificate=issued.certificate,
        server_key=issued.private_key,
        blocked_networks=[*reachable_addresses(), "198.18.0.0/15"],
        nameservers=[NEIGHBOUR],
    )


@pytest.fixture
def playbook_of(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a playbook of one of our roles."""

    def write(role: str) -> Path:
        play = {"hosts": "all", "become": True, "gather_facts": True, "gather_subset": FACTS, "roles": [role]}
        path = tmp_path / f"{role}.yml"
        path.write_text(json.dumps([play]))
        return path

    return write
