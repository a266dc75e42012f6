"""The certificates that an operator is told of: the authority's, the gateway's and the registry's."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from blocks.gateway.config import gateway_config
from blocks.gateway.settings import GatewayConfig
from blocks.gateway.tls.served import trouble_with_files
from blocks.settings import process_settings
from blocks.stored.documents.stored_blocks import StoredBlocks
from pool.errors import DockerDriverError, NotFound
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
        found = [self._authority(), _gateways_here(), _registrys(self._stored.config(pool).DD_IMAGE_REGISTRY)]
        return [certificate for certificate in found if certificate]

    def authority_until(self) -> datetime | None:
        """Return when the authority's certificate ends; None: there is no authority yet."""
        found = self._authority()
        return found.until if found else None

    def registries_signed_by(self, authority: str) -> list[str]:
        """List the addresses of pools' registries whose certificate is of this authority; those that answer.

        Args:
            authority: its certificate, PEM.
        """
        addresses = {self._stored.config(pool).DD_IMAGE_REGISTRY for pool in self._stored.pools()}
        return sorted(address for address in filter(None, addresses) if _is_signed_by(address, authority))

    def _authority(self) -> OperatorsCertificate | None:
        fix = "run `dockerdriver rotate-secrets authority`: hosts are given certificates of a new one, and serve on"
        with suppress(NotFound, ValueError):
            until = _until(self._stored.authority().certificate)
            return OperatorsCertificate("the authority of the hosts' certificates", until, fix)
        return None


def gateways_certificate(config: GatewayConfig) -> OperatorsCertificate | None:
    """Return the gateway's certificate and what is wrong with it; None where it has none. Needs no server of Prefect's.

    Of a certificate that is refused the sentence says so: the one before it is in service.
    """
    file = config.settings.certificate
    fix = "put another one in its place: the gateway takes it within a minute"
    if file is None:
        return None
    wrong, until = trouble_with_files(config, datetime.now(UTC)), datetime.max.replace(tzinfo=UTC)
    with suppress(OSError, ValueError):
        until = _until(file.read_text())
    return OperatorsCertificate(f"the gateway's certificate {file}", until, fix, wrong)


def _gateways_here() -> OperatorsCertificate | None:
    with suppress(DockerDriverError):  # a setting that cannot be: `doctor` and `make up` say which
        return gateways_certificate(gateway_config(process_settings()))
    return None


def _registrys(address: str) -> OperatorsCertificate | None:
    if not address:
        return None
    fix = f"renew it; one that `dockerdriver registry` installed is renewed by `dockerdriver registry {address}`"
    with suppress(OSError, ValueError):  # its date is read, whichever authority signed it: pulling is what trusts it
        return OperatorsCertificate(f"the certificate of registry {address}", _until(_shown_at(address)), fix)
    return None


def _shown_at(address: str) -> str:
    """Return the PEM certificate that is shown at an address."""
    parts = urlsplit(f"//{address}")
    return ssl.get_server_certificate((parts.hostname or "", parts.port or HTTPS), timeout=REGISTRY_SECONDS)


def _is_signed_by(address: str, authority: str) -> bool:
    try:
        shown = x509.load_pem_x509_certificate(_shown_at(address).encode())
        shown.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _until(pem: str) -> datetime:
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
