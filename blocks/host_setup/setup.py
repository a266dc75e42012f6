"""What is done to a machine to make it a notebook host: ssh, the playbook, and preparing it for an image of it."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from blocks.addresses.own_addresses import reachable_addresses
from blocks.host_setup import sysprep
from blocks.host_setup.disk_looks import files_in, look_for_files, look_for_room, room_in
from blocks.host_setup.playbook import PlaybookReport, PlaybookRun, run_playbook
from blocks.host_setup.shell import HostShell
from blocks.stored.documents.stored_blocks import StoredBlocks
from blocks.stored.host_keys import HostKey, HostLogin, new_host_key
from pool.errors import HostUnreachable
from pool.records import Host
from pool.settings import PoolSettings

DISK_SECONDS, COUNT_SECONDS = 20, 30


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
        """Ask the host for how many MB there is room where its containers are, by blocks and by inodes.

        Raises:
            HostUnreachable, CommandFailed: ssh did not answer, or there is no such disk.
        """
        return room_in(self._as_root(host, look_for_room(), DISK_SECONDS))

    def files_mb(self, host: Host, folders: Mapping[str, str]) -> dict[str, int]:
        """Count the files in folders of the host: each as the part of the disk that there is for one inode.

        Args:
            host: that they are on.
            folders: their paths, by any name, or those of tables of mounts, as `layers_on` says.

        Returns:
            MB, by the same names; nothing where the file system makes inodes as it needs them.

        Raises:
            HostUnreachable, CommandFailed: ssh did not answer, or it took longer than that may take.
        """
        if not folders:
            return {}
        return files_in(self._as_root(host, look_for_files(folders.values()), COUNT_SECONDS), folders)

    def _as_root(self, host: Host, script: str, seconds: int) -> str:
        with self.shell(host) as shell:
            return shell.run(f"sudo -n sh -c {shlex.quote(script)}", seconds)

    def own_addresses(self) -> list[str]:
        """List the addresses that this machine can be reached under: by no session."""
        return reachable_addresses()

    def playbook_digest(self, settings: PoolSettings) -> str:
        """Compute the digest of the playbook as this installation runs it now on hosts of a pool."""
        return sysprep.todays_playbook(settings)

    def baked_by(self, shell: HostShell) -> str:
        """Read the digest of the playbook that the machine's image was made by; empty: it booted from a bare image."""
        return sysprep.read_mark(shell)
