"""The certificates that an operator renews: the authority's, the gateway's and the registry's."""

import ssl
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509

from blocks.gateway.settings import GatewaySettings
from blocks.stored.stored_blocks import StoredBlocks
from pool.errors import NotFound
from pool.hosts.certificates import OperatorsCertificate

REGISTRY_SECONDS = 3
HTTPS = 443


class Certificates:
    """Finds them where they are in use. One that cannot be read is left out: what needs it says so itself."""

    def __init__(self, stored: StoredBlocks) -> None:
        self._stored = stored

    def of(self, pool: str) -> list[OperatorsCertificate]:
        """Return those that the pool depends on.

        Raises:
            NotFound: no pool has this name.
        """
        found = [self._authority(), gateways_certificate(), _registrys(self._stored.config(pool).DD_IMAGE_REGISTRY)]
        return [certificate for certificate in found if certificate]

    def _authority(self) -> OperatorsCertificate | None:
        fix = "delete the block certificate-authority/main and run `make up`: hosts are given certificates of a new one"
        with suppress(NotFound, ValueError):
            until = _until(self._stored.authority().certificate)
            return OperatorsCertificate("the authority of the hosts' certificates", until, fix)
        return None


def gateways_certificate() -> OperatorsCertificate | None:
    """Return the gateway's certificate; None where it has none. Needs no server of Prefect's."""
    file = GatewaySettings().certificate
    fix = "put another one in its place and run `dockerdriver gateway reload`"
    if file is None:
        return None
    with suppress(OSError, ValueError):
        return OperatorsCertificate(f"the gateway's certificate {file}", _until(file.read_text()), fix)
    return None


def _registrys(address: str) -> OperatorsCertificate | None:
    if not address:
        return None
    parts = urlsplit(f"//{address}")
    fix = f"renew it; one that `dockerdriver registry` installed is renewed by `dockerdriver registry {address}`"
    with suppress(OSError, ValueError):  # its date is read, whichever authority signed it: pulling is what trusts it
        pem = ssl.get_server_certificate((parts.hostname or "", parts.port or HTTPS), timeout=REGISTRY_SECONDS)
        return OperatorsCertificate(f"the certificate of registry {address}", _until(pem), fix)
    return None


def _until(pem: str) -> datetime:
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
