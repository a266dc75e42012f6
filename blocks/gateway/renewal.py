"""The gateway's certificate while the gateway runs: one of our own is renewed, and nginx takes what was replaced."""

import hashlib
import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from blocks.gateway.certificate import CERTIFICATE, KEY, self_signed
from blocks.gateway.config import hang_up
from blocks.gateway.settings import GatewayConfig
from pool.errors import BadRequest, NotFound
from pool.hosts.certificates import Validity
from pool.moments import minute

TAKEN = "certificate-taken"  # in nginx's directory: a digest of what it was told to read last


def waits(config: GatewayConfig, now: datetime) -> bool:
    """Whether there is something to do: a certificate of our own to renew, or one that nginx has not read yet.

    Args:
        config: of the gateway; one without a certificate has nothing to do.
        now: by which a certificate with a third of its life left is renewed.
    """
    files = _files(config)
    return files is not None and (_is_due(*files, now) or _digest(*files) != _taken(config))


def keep_certificate(config: GatewayConfig, now: datetime) -> str:
    """Renew a certificate of our own in time, and have nginx read what is new on disk; says what was done.

    Open websockets stay with nginx's old workers. Repeating it is harmless: what was read once is told no second time.

    Raises:
        OSError: a file cannot be read or written; an ssl.SSLError where certificate and key are not of each other, as
            while they are being replaced. nginx goes on with what it has.
        GatewayTrouble: no gateway runs.
    """
    files = _files(config)
    if files is None:
        return ""
    renewed = _is_due(*files, now)
    if renewed:
        self_signed(files[0].parent, *_names_and_days(files[0]))
    digest = _digest(*files)
    if digest == _taken(config):
        return ""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files)
    hang_up(config)
    (config.directory / TAKEN).write_text(digest)
    return f"the gateway takes {files[0]}, which was {'renewed' if renewed else 'replaced'}"


def told_certificate(config: GatewayConfig) -> dict[str, str]:
    """Tell of the certificate that is set: its file, names, end and issuer, and who renews it.

    Raises:
        BadRequest: it cannot be read, or is none.
        NotFound: none is set.
    """
    files = _files(config)
    if files is None:
        raise NotFound("no certificate is set (DD_GATEWAY_CERTIFICATE): the gateway speaks no TLS")
    try:
        read = _read(files[0])
    except OSError as error:
        raise BadRequest(f"the gateway's certificate cannot be read: {error}") from error
    own = _is_own(*files, read)
    return {
        "file": str(files[0]),
        "names": ", ".join(_names(read)),
        "from": minute(read.not_valid_before_utc),
        "until": minute(read.not_valid_after_utc),
        "issuer": "itself: browsers warn of it" if read.issuer == read.subject else read.issuer.rfc4514_string(),
        "renewed_by": "housekeeping, with a third of its life left" if own else "you; a tick has nginx take it",
    }


def _files(config: GatewayConfig) -> tuple[Path, Path] | None:
    certificate, key = config.settings.certificate, config.settings.certificate_key
    return (certificate, key) if certificate and key else None


def _is_due(certificate: Path, key: Path, now: datetime) -> bool:
    """Whether `dockerdriver gateway self-signed` made both, so that no other program renews them, and it is time."""
    if not _is_named_as_ours(certificate, key):
        return False
    read = _read(certificate)
    ends = Validity(read.not_valid_before_utc, read.not_valid_after_utc)
    return _is_own(certificate, key, read) and now >= ends.renewed_from


def _is_named_as_ours(certificate: Path, key: Path) -> bool:
    return (certificate.name, key) == (CERTIFICATE, certificate.with_name(KEY))


def _is_own(certificate: Path, key: Path, read: x509.Certificate) -> bool:
    return _is_named_as_ours(certificate, key) and read.issuer == read.subject


def _names_and_days(certificate: Path) -> tuple[list[str], int]:
    """For whom it is, and for how many days it was made."""
    read = _read(certificate)
    return _names(read), (read.not_valid_after_utc - read.not_valid_before_utc).days


def _names(read: x509.Certificate) -> list[str]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _read(certificate: Path) -> x509.Certificate:
    """Read it.

    Raises:
        OSError: it cannot be read, or is none.
    """
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError as error:
        raise OSError(f"{certificate} holds no certificate: {error}") from None


def _digest(certificate: Path, key: Path) -> str:
    return hashlib.sha256(certificate.read_bytes() + key.read_bytes()).hexdigest()


def _taken(config: GatewayConfig) -> str:
    try:
        return (config.directory / TAKEN).read_text()
    except FileNotFoundError:
        return ""
