"""What speaks against a certificate and its key before nginx is given them, each in one sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pool.errors import BadRequest
from pool.moments import minute


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as they were read: what is judged is what is copied."""

    read: x509.Certificate
    certificate: bytes
    key: bytes


def read_pair(certificate: Path, key: Path) -> Pair:
    """Read a certificate that nginx can use with its key.

    Raises:
        BadRequest: one of them cannot be read, is none, or they are not of each other.
    """
    chain, pem = _bytes(certificate), _bytes(key)
    read = _first(chain, certificate)
    try:
        public = load_pem_private_key(pem, password=None).public_key()
    except TypeError:
        raise BadRequest(f"the key {key} has a passphrase, which nginx cannot ask for") from None
    except ValueError:
        raise BadRequest(f"{key} holds no private key in PEM") from None
    if public != read.public_key():
        raise BadRequest(
            f"the key {key} is not that of the gateway's certificate {certificate}; of a chain, the certificate of the"
            " key comes first"
        )
    return Pair(read, chain, pem)


def read_certificate(certificate: Path) -> x509.Certificate:
    """Read the first certificate of a file.

    Raises:
        BadRequest: the file cannot be read, or holds none.
    """
    return _first(_bytes(certificate), certificate)


def objection(file: Path, read: x509.Certificate, wanted: Iterable[str], now: datetime) -> str:
    """Say why browsers would refuse a certificate; empty: they would not for what is looked at here.

    Args:
        file: where it was read, for the sentence.
        read: the certificate.
        wanted: the names that browsers come by, as in notebooks.example.org and *.notebooks.example.org.
        now: what the clock says.
    """
    if read.not_valid_after_utc <= now:
        return f"the gateway's certificate {file} has run out on {minute(read.not_valid_after_utc)}"
    if read.not_valid_before_utc > now:
        return f"the gateway's certificate {file} is valid from {minute(read.not_valid_before_utc)} on, not yet"
    names = names_of(read)
    missing = [name for name in wanted if not any(_covers(given, name) for given in names)]
    if missing:
        return (
            f"the gateway's certificate {file} is for {', '.join(names) or 'no name'}, and not for {', '.join(missing)}"
        )
    return ""


def names_of(read: x509.Certificate) -> list[str]:
    """Return the names and addresses that it is for; browsers read no others than those."""
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in names]


def _covers(given: str, wanted: str) -> bool:
    """Whether a name of a certificate is for a name that is wanted: a wildcard stands for one label."""
    if given.lower() == wanted:
        return True
    star, _, rest = given.lower().partition(".")
    return star == "*" and wanted.partition(".")[2] == rest


def _first(chain: bytes, file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(chain)
    except ValueError:
        raise BadRequest(f"{file} holds no certificate in PEM") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error
