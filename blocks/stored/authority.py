"""A private certificate authority: every host's engine proves itself to us, and we to it, by its certificates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.stored.lookup import with_changes
from blocks.stored.pictures.kinds import picture_of_its_kind
from blocks.stored.titles import AUTHORITY, titled

AUTHORITY_DAYS = 3650
CLOCK_SKEW = timedelta(hours=1)  # a host whose clock is late still accepts a certificate made just now

Extension = tuple[x509.ExtensionType, bool]  # and whether it is critical


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both PEM."""

    certificate: str
    private_key: str = field(repr=False)


class CertificateAuthority(Block):
    """The authority whose certificates the hosts' engines and their clients show to each other."""

    _block_type_name = "Certificate authority"
    _block_type_slug = "certificate-authority"
    _logo_url = picture_of_its_kind()
    _description = "Private authority for mutual TLS between DockerDriver and the Docker Engines of its hosts."
    model_config = ConfigDict(field_title_generator=titled(AUTHORITY))

    certificate: str = Field(description="PEM certificate of the authority.")
    private_key: SecretStr = Field(description="PEM key of the authority (EC P-256).")
    next_certificate: str = Field("", description="Of the one that follows, while it is rotated; empty: none.")
    next_private_key: SecretStr = Field(SecretStr(""), description="Its key.")
    previous_certificate: str = Field("", description="Of the one before, until no host needs it; empty: none.")

    @classmethod
    def create(cls, common_name: str) -> "CertificateAuthority":
        """Make a fresh authority, valid for ten years; not saved."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name)
        builder = _builder(name, name, key.public_key(), _now() + timedelta(days=AUTHORITY_DAYS))
        certificate = _extend(builder, _authority_extensions(key)).sign(key, SHA256())
        return cls(certificate=_pem(certificate), private_key=SecretStr(_key_pem(key)))

    @property
    def trusted(self) -> str:
        """PEM of all that the manager believes: also of the one before, and of the one that follows."""
        return self.certificate + self.next_certificate + self.previous_certificate

    @property
    def for_hosts(self) -> str:
        """PEM of all that hosts are to believe: the one before is none of them."""
        return self.certificate + self.next_certificate

    def with_next(self) -> "CertificateAuthority":
        """Return this one with a fresh one that is to follow, of the same name; not saved. One that has it stays so."""
        if self.next_certificate:
            return self
        subject = x509.load_pem_x509_certificate(self.certificate.encode()).subject
        name = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        fresh = CertificateAuthority.create(str(name))
        return with_changes(self, next_certificate=fresh.certificate, next_private_key=fresh.private_key)

    def promoted(self) -> "CertificateAuthority":
        """Return the one that follows, with this one as the one before; not saved. Without one that follows: this one.

        A step whose answer was lost is taken again: what it did before must not be done to its outcome.
        """
        if not self.next_certificate:
            return self
        return CertificateAuthority(
            certificate=self.next_certificate,
            private_key=self.next_private_key,
            previous_certificate=self.certificate,
        )

    def retired(self) -> "CertificateAuthority":
        """Return this one without the one before; not saved."""
        return with_changes(self, previous_certificate="")

    def issue_server(self, name: str, address: str, days: int) -> Issued:
        """Issue a certificate for the engine of one host.

        Args:
            name: the host's name; subject and one of the names that the certificate holds for.
            address: IPv4, IPv6 or DNS name that clients connect to.
            days: how long it holds; never longer than the authority itself.
        """
        alternatives = x509.SubjectAlternativeName([_alternative(address), x509.DNSName(name)])
        return self._issue(name, days, ExtendedKeyUsageOID.SERVER_AUTH, [(alternatives, False)])

    def issue_client(self, name: str, days: int) -> Issued:
        """Issue a certificate that a client shows to the engines; holds for *days*."""
        return self._issue(name, days, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def _issue(self, name: str, days: int, use: x509.ObjectIdentifier, more: Sequence[Extension]) -> Issued:
        authority = x509.load_pem_x509_certificate(self.certificate.encode())
        pem = self.private_key.get_secret_value().encode()
        authority_key = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(pem, password=None))
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(_now() + timedelta(days=days), authority.not_valid_after_utc)
        builder = _builder(_name(name), authority.subject, key.public_key(), until)
        extensions = [*_leaf_extensions(key, authority, use), *more]
        return Issued(_pem(_extend(builder, extensions).sign(authority_key, SHA256())), _key_pem(key))


def _now() -> datetime:
    return datetime.now(UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - CLOCK_SKEW)
        .not_valid_after(until)
    )


def _authority_extensions(key: ec.EllipticCurvePrivateKey) -> list[Extension]:
    return [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(key_cert_sign=True, crl_sign=True), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]


def _leaf_extensions(
    key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, use: x509.ObjectIdentifier
) -> list[Extension]:
    authority_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([use]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id), False),
    ]


def _key_usage(**granted: bool) -> x509.KeyUsage:
    uses = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: granted.get(use, False) for use in uses})


def _extend(builder: x509.CertificateBuilder, extensions: Sequence[Extension]) -> x509.CertificateBuilder:
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
