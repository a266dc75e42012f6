"""What is done to a machine to make it a notebook host: ssh, the playbook, and preparing it for an image of it."""

from collections.abc import Callable
from pathlib import Path

from blocks.host_setup import sysprep
from blocks.host_setup.playbook import DATA_ROOT, PlaybookReport, PlaybookRun, run_playbook
from blocks.host_setup.shell import HostShell
from blocks.own_addresses import reachable_addresses
from blocks.stored.host_keys import HostKey, HostLogin, new_host_key
from blocks.stored.stored_blocks import StoredBlocks
from pool.errors import HostUnreachable
from pool.records import Host
from pool.settings import PoolSettings

DISK_SECONDS = 20


class HostSetup:
    """The way into hosts.

    Args:
        stored: where the login key is.
        run_dir: where runs of the playbook keep what they need while they run.
    """

    def __init__(self, stored: StoredBlocks, run_dir: Path) -> None:
        self._stored, self._run_dir = stored, run_dir

    def new_key(self) -> HostKey:
        """Make an ssh host key for a machine that is about to be made."""
        return new_host_key()

    def shell(self, host: Host) -> HostShell:
        """Make an ssh client for the host; it connects on first use.

        Raises:
            HostUnreachable: it has no address yet.
        """
        return self.shell_at(f"host {host.name}", host.address, host.host_key, self._stored.login())

    def shell_at(self, name: str, address: str | None, host_key: str | None, login: HostLogin) -> HostShell:
        """Make an ssh client for a machine that need not be a host, with a login that need not be the present one.

        Raises:
            HostUnreachable: its address or its host key is not known.
        """
        if not address or not host_key:
            raise HostUnreachable(f"{name} has no address or no ssh host key yet")
        return HostShell(address, host_key, login)

    def run_playbook(self, run: PlaybookRun, say: Callable[[str], None], seconds: int) -> PlaybookReport:
        """Run the playbook; each of its tasks is one line that is said.

        Raises:
            PlaybookFailed: a task failed; names it, with its message.
            HostUnreachable: ssh did not answer.
        """
        return run_playbook(run, say, seconds, self._run_dir)

    def free_disk_mb(self, host: Host) -> int:
        """Ask the host how many MB are free where its containers are.

        Raises:
            HostUnreachable, CommandFailed: ssh did not answer, or there is no such disk.
        """
        with self.shell(host) as shell:
            said = shell.run(f"df --output=avail --block-size=1M {DATA_ROOT}", DISK_SECONDS)
        return int(said.rsplit(maxsplit=1)[-1])

    def own_addresses(self) -> list[str]:
        """List the addresses that this machine can be reached under: by no session."""
        return reachable_addresses()

    def playbook_digest(self, settings: PoolSettings) -> str:
        """Compute the digest of the playbook as this installation runs it now on hosts of a pool."""
        return sysprep.todays_playbook(settings)

    def baked_by(self, shell: HostShell) -> str:
        """Read the digest of the playbook that the machine's image was made by; empty: it booted from a bare image."""
        return sysprep.read_mark(shell)
