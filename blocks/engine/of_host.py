"""The Docker Engine of each host, over mutual TLS with the installation's own CA; and the manager's own engine."""

from datetime import UTC, date, datetime
from functools import lru_cache

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.engine.disk import written_mb
from blocks.engine.probe import probe
from blocks.stored.stored_blocks import StoredBlocks
from pool.errors import HostUnreachable
from pool.housekeeping.found import Probe
from pool.records import Host

CLIENT_DAYS = 30


class Engines:
    """Engines by host; connections are kept for the next caller in this process.

    Args:
        stored: where the certificate authority is.
        local_url: of the manager's own engine, "unix:///var/run/docker.sock".
        namespace: of this installation: which containers are its own.
    """

    def __init__(self, stored: StoredBlocks, local_url: str, namespace: str) -> None:
        self._stored, self._local_url, self._namespace = stored, local_url, namespace
        self._identity = lru_cache(maxsize=1)(self._identity_of_day)

    def of(self, host: Host) -> HostEngine:
        """Return the host's engine.

        Raises:
            HostUnreachable: the host has no address yet.
        """
        if not host.address:
            raise HostUnreachable(f"host {host.name} has no address")
        return HostEngine.connect(host.address, self._identity(datetime.now(UTC).date()), host=host.name)

    def local(self) -> HostEngine:
        """Return the engine of the machine that this process runs on."""
        return HostEngine.local(self._local_url)

    def probe(self, host: Host) -> Probe:
        """Look at the host's engine: whether it answers, what runs on it, what went wrong on it.

        Raises:
            HostUnreachable: the host has no address yet.
        """
        return probe(self.of(host), self._namespace)

    def written_mb(self, host: Host) -> dict[str, int]:
        """Measure how many MB each session on the host has written. The engine reads all that they wrote for it.

        Raises:
            HostUnreachable, EngineTrouble: it did not answer in time, or measures already.
        """
        return written_mb(self.of(host), self._namespace)

    def close(self) -> None:
        """Forget the client's certificate; connections close when the last of their users is done."""
        self._identity.cache_clear()

    def _identity_of_day(self, _day: date) -> EngineIdentity:
        """Issue a client certificate of today: a worker that runs for months is not left with an expired one."""
        authority = self._stored.authority()
        client = authority.issue_client("manager", days=CLIENT_DAYS)
        return EngineIdentity(authority.certificate, client.certificate, client.private_key)
