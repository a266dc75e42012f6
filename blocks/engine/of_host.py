"""The Docker Engine of each host, over mutual TLS with the installation's own CA."""

from datetime import UTC, date, datetime
from functools import lru_cache

from blocks.engine.client import HostEngine
from blocks.engine.connection import EngineIdentity
from blocks.stored.authority import CertificateAuthority
from blocks.stored.lookup import load
from pool.errors import HostUnreachable
from pool.records import Host

AUTHORITY = "main"
CLIENT_DAYS = 30


def authority() -> CertificateAuthority:
    """The installation's certificate authority."""
    return load(CertificateAuthority, AUTHORITY, "certificate authority")


@lru_cache(maxsize=1)
def _identity(_day: date) -> EngineIdentity:
    """A client certificate of today: a worker that runs for months must not be left with an expired one."""
    ours = authority()
    client = ours.issue_client("manager", days=CLIENT_DAYS)
    return EngineIdentity(ours.certificate, client.certificate, client.private_key)


def engine_of(host: Host) -> HostEngine:
    """The host's engine; the connection is kept for the next caller in this process.

    Raises:
        HostUnreachable: the host has no address yet.
    """
    if not host.address:
        raise HostUnreachable(f"host {host.name} has no address")
    return HostEngine.connect(host.address, _identity(datetime.now(UTC).date()), host=host.name)
