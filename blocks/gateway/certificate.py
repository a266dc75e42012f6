"""A self-signed certificate, so that a gateway without a real one can be tried under TLS."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from blocks.files.private_files import write_private
from pool.errors import BadRequest
from pool.origins import canonical_host

CERTIFICATE, KEY = "gateway.crt", "gateway.key"
CLOCK_SKEW = timedelta(hours=1)
MOST_DAYS = 3650
LONGEST_COMMON_NAME = 64  # characters, by X.509; browsers read the other names


def self_signed(directory: Path, names: list[str], days: int = 365) -> tuple[Path, Path]:
    """Make a certificate for these names and addresses, in place of the one that was there.

    The key is written first and is new each time: a certificate is never beside a key that is not its own for longer
    than it takes to write it.

    Args:
        directory: where both are put.
        names: names and addresses, as browsers say them; a wildcard counts.
        days: how long it is valid, 1 to 3650.

    Returns:
        The certificate's file, and the key's (mode 0600).

    Raises:
        BadRequest: a name is none, or the days are not of that range; what was there stays.
    """
    if not 1 <= days <= MOST_DAYS:
        raise BadRequest(f"a certificate is made for 1 to {MOST_DAYS} days, not for {days}")
    key = ec.generate_private_key(ec.SECP256R1())
    pem = _certificate(key, [_as_written(name) for name in names], days).public_bytes(serialization.Encoding.PEM)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / KEY).unlink(missing_ok=True)
    write_private(directory / KEY, _key_pem(key))
    (directory / CERTIFICATE).write_bytes(pem)
    return directory / CERTIFICATE, directory / KEY


def _certificate(key: ec.EllipticCurvePrivateKey, names: list[str], days: int) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:LONGEST_COMMON_NAME])])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )


def _as_written(name: str) -> str:
    """The name as a certificate has it: IDNA, with its wildcard."""
    star, host = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    return star + canonical_host(host.strip("[]"))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
