"""The gateway's certificate while the gateway runs: one of our own is renewed, and nginx takes what was replaced."""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from blocks.gateway.certificate import CERTIFICATE, KEY, self_signed
from blocks.gateway.config import hang_up
from blocks.gateway.settings import GatewayConfig
from blocks.gateway.tls.judged import names_of, read_certificate
from blocks.gateway.tls.served import (
    are_copied,
    copies_in_service,
    put_in_service,
    refusal_of_files,
    served_files,
    set_files,
    trouble_with_files,
)
from pool.errors import BadRequest, NotFound
from pool.hosts.certificates import Validity
from pool.moments import minute

TAKEN = "certificate-taken"  # in nginx's directory: which copies it was told to read last


def waits(config: GatewayConfig, now: datetime) -> bool:
    """Whether there is something to do: a certificate of our own to renew, or one that nginx has not read yet.

    One that is refused does not wait: `trouble_with_files` says why until another one is in its place.

    Args:
        config: of the gateway; one without a certificate has nothing to do.
        now: by which a certificate with a third of its life left is renewed.
    """
    files = set_files(config)
    if files is None:
        return False
    try:
        return _is_due(*files, now) or (not _is_up_to_date(config) and not refusal_of_files(config, now))
    except BadRequest:
        return False


def keep_certificate(config: GatewayConfig, now: datetime) -> str:
    """Renew a certificate of our own in time, and have nginx read what is new on disk; says what was done.

    Open websockets stay with nginx's old workers. Repeating it is harmless: what was read once is told no second time.

    Raises:
        BadRequest: certificate or key cannot be used, or are worse than those in service, with which nginx goes on.
        OSError: a file cannot be written.
        GatewayTrouble: no gateway runs.
    """
    files = set_files(config)
    if files is None:
        return ""
    renewed = _is_due(*files, now)
    if renewed:
        self_signed(files[0].parent, *_names_and_days(files[0]))
    if refused := put_in_service(config, now):
        raise BadRequest(refused)
    copies = copies_in_service(config)
    if copies == _taken(config):
        return ""
    hang_up(config)
    (config.directory / TAKEN).write_text(copies)
    return f"the gateway takes {files[0]}, which was {'renewed' if renewed else 'replaced'}"


def told_certificate(config: GatewayConfig, now: datetime) -> dict[str, str]:
    """Tell of the certificate that is in service: its file, names, end and issuer, who renews it, what is wrong.

    Raises:
        BadRequest: it cannot be read, or is none.
        NotFound: none is set.
    """
    files = set_files(config)
    if files is None:
        raise NotFound("no certificate is set (DD_GATEWAY_CERTIFICATE): the gateway speaks no TLS")
    read = _in_service(config, files)
    own = _is_own(*files, read)
    return {
        "file": str(files[0]),
        "names": ", ".join(names_of(read)),
        "from": minute(read.not_valid_before_utc),
        "until": minute(read.not_valid_after_utc),
        "issuer": "itself: browsers warn of it" if read.issuer == read.subject else read.issuer.rfc4514_string(),
        "renewed_by": "housekeeping, with a third of its life left" if own else "you; a tick has nginx take it",
        "trouble": trouble_with_files(config, now),
    }


def _is_up_to_date(config: GatewayConfig) -> bool:
    """Whether nginx was told of the copies that are in service, and they are the operator's files."""
    return copies_in_service(config) == _taken(config) and are_copied(config)


def _in_service(config: GatewayConfig, files: tuple[Path, Path]) -> x509.Certificate:
    """The certificate that nginx has; the operator's, where no gateway had one yet or only root may look."""
    try:
        return read_certificate(served_files(config)[0])
    except BadRequest:
        return read_certificate(files[0])


def _is_due(certificate: Path, key: Path, now: datetime) -> bool:
    """Whether `dockerdriver gateway self-signed` made both, so that no other program renews them, and it is time."""
    if not _is_named_as_ours(certificate, key):
        return False
    read = read_certificate(certificate)
    ends = Validity(read.not_valid_before_utc, read.not_valid_after_utc)
    return _is_own(certificate, key, read) and now >= ends.renewed_from


def _is_named_as_ours(certificate: Path, key: Path) -> bool:
    return (certificate.name, key) == (CERTIFICATE, certificate.with_name(KEY))


def _is_own(certificate: Path, key: Path, read: x509.Certificate) -> bool:
    return _is_named_as_ours(certificate, key) and read.issuer == read.subject


def _names_and_days(certificate: Path) -> tuple[list[str], int]:
    """For whom it is, and for how many days it was made."""
    read = read_certificate(certificate)
    return names_of(read), (read.not_valid_after_utc - read.not_valid_before_utc).days


def _taken(config: GatewayConfig) -> str:
    try:
        return (config.directory / TAKEN).read_text()
    except FileNotFoundError:
        return ""
