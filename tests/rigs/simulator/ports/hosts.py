"""Engines and shells of simulated hosts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.engine.of_host import Engines
from blocks.host_setup.playbook import PlaybookReport, PlaybookRun
from blocks.host_setup.setup import HostSetup
from blocks.host_setup.shell import HostShell
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.host_keys import HostKey
from pool.errors import HostUnreachable
from pool.hosts.escapes import Door
from pool.housekeeping.found import Probe
from pool.records import Host
from pool.settings import PoolSettings
from tests.rigs.simulator import engines as simulated
from tests.rigs.simulator.ports.stored import SETTINGS


class SimulatedEngines(Engines):
    """What answers at a host's address is the machine that has it now."""

    def __init__(self, world: Any, stored: StoredBlocks) -> None:
        super().__init__(stored, "", SETTINGS.identity)
        self._world = world

    def of(self, host: Host) -> simulated.SimulatedEngine:
        return simulated.SimulatedEngine(self._world.check_open(), host.name, host.address)

    def probe(self, host: Host) -> Probe:
        return self.of(host).look()

    def open_doors(self, host: Host, doors: Sequence[Door], limited: bool) -> list[str]:
        return list(self.of(host).machine("try to get out of a container").ways_out)

    def written_mb(self, host: Host) -> dict[str, int]:
        return dict(self.of(host).machine("measure what its containers wrote").written_mb)

    def layers(self, host: Host) -> dict[str, str]:
        return {}

    def no_disk_limit(self, host: Host) -> str:
        return ""


class SimulatedHostSetup(HostSetup):
    """ssh and the playbook."""

    def __init__(self, world: Any, stored: StoredBlocks) -> None:
        super().__init__(stored, Path("/nowhere"))
        self._world = world

    def new_key(self) -> HostKey:
        return self._world.new_host_key()

    def shell(self, host: Host) -> HostShell:
        return simulated.SimulatedShell(self._world.check_open(), host)

    def run_playbook(self, run: PlaybookRun, say: Callable[[str], None], seconds: int) -> PlaybookReport:
        return simulated.run_playbook(self._world.check_open(), run)

    def free_disk_mb(self, host: Host) -> int:
        machine = self._world.check_open().cloud.at(host.address)
        if not machine or not machine.reachable(self._world.time):
            raise HostUnreachable(f"host {host.name}: ssh does not answer")
        return machine.free_mb

    def files_mb(self, host: Host, folders: Mapping[str, str]) -> dict[str, int]:
        return dict.fromkeys(folders, 0)

    def own_addresses(self) -> list[str]:
        return ["192.0.2.1"]

    def playbook_digest(self, settings: PoolSettings) -> str:
        return "a playbook"

    def baked_by(self, shell: HostShell) -> str:
        assert isinstance(shell, simulated.SimulatedShell)
        return shell.read_mark()
