"""The Docker Engine of each host, over mutual TLS with the installation's own CA; and the manager's own engine."""

from collections.abc import Sequence

from blocks.engine.client import HostEngine
from blocks.engine.identity import ManagerIdentity
from blocks.engine.probes.disk import layers_on, no_disk_limit, written_mb
from blocks.engine.probes.escape import open_doors
from blocks.engine.probes.probe import probe
from blocks.stored.documents.stored_blocks import StoredBlocks
from pool.errors import HostUnreachable
from pool.hosts.escapes import Door
from pool.housekeeping.found import Probe
from pool.records import Host


class Engines:
    """Engines by host; connections are kept for the next caller in this process.

    Args:
        stored: where the certificate authority is.
        local_url: of the manager's own engine, "unix:///var/run/docker.sock".
        namespace: of this installation: which containers are its own.
    """

    def __init__(self, stored: StoredBlocks, local_url: str, namespace: str) -> None:
        self._local_url, self._namespace = local_url, namespace
        self._identity = ManagerIdentity(stored)

    def of(self, host: Host) -> HostEngine:
        """Return the host's engine.

        Raises:
            HostUnreachable: the host has no address yet.
        """
        if not host.address:
            raise HostUnreachable(f"host {host.name} has no address")
        identity = self._identity
        return HostEngine.connect(host.address, identity.today(), host.name, look_again=identity.looked_at_again)

    def local(self) -> HostEngine:
        """Return the engine of the machine that this process runs on."""
        return HostEngine.local(self._local_url)

    def probe(self, host: Host) -> Probe:
        """Look at the host's engine: whether it answers, what runs on it, what went wrong on it.

        Raises:
            HostUnreachable: the host has no address yet.
        """
        return probe(self.of(host), self._namespace)

    def open_doors(self, host: Host, doors: Sequence[Door], limited: bool) -> list[str]:
        """Try from inside a container of the host what no session may; what was open, in words.

        Args:
            host: whose containers are tried.
            doors: that must be shut.
            limited: whether the host must also hold a container to a rate of the network.

        Raises:
            HostUnreachable, EngineTrouble: it was not tried to the end.
        """
        return open_doors(self.of(host), doors, limited)

    def written_mb(self, host: Host) -> dict[str, int]:
        """Measure how many MB each session on the host has written. The engine reads all that they wrote for it.

        Raises:
            HostUnreachable, EngineTrouble: it did not answer in time, or measures already.
        """
        return written_mb(self.of(host), self._namespace)

    def layers(self, host: Host) -> dict[str, str]:
        """Say in which folder of the host each session's container writes.

        Raises:
            HostUnreachable, EngineTrouble: it did not answer, or a container went meanwhile.
        """
        return layers_on(self.of(host), self._namespace)

    def no_disk_limit(self, host: Host) -> str:
        """Say why no session on the host is held to what it may write; empty where it may be.

        Raises:
            HostUnreachable, EngineTrouble: it did not answer.
        """
        return no_disk_limit(self.of(host))

    def close(self) -> None:
        """Forget the client's certificate; connections close when the last of their users is done."""
        self._identity.forget()
