"""OpenSSL itself judges the certificates: what it accepts, Docker accepts."""

import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from blocks.stored.authority import CertificateAuthority

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def ours() -> CertificateAuthority:
    return CertificateAuthority.create("DockerDriver dd-test")


def verdict(where: Path, authority: CertificateAuthority, certificate: str, *checks: str) -> str:
    (where / "ca.pem").write_text(authority.certificate)
    (where / "leaf.pem").write_text(certificate)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(where / "ca.pem"), *checks]
    done = subprocess.run([*command, str(where / "leaf.pem")], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("address", ["10.213.7.2", "2001:db8::7"])
def test_openssl_accepts_a_server_at_its_address(ours, tmp_path, address):
    issued = ours.issue_server("main-01", address, days=2)
    checks = ("-purpose", "sslserver", "-verify_ip", address)
    assert verdict(tmp_path, ours, issued.certificate, *checks).endswith("leaf.pem: OK\n")


@pytest.mark.parametrize("name", ["main-01", "host.example.org"])
def test_openssl_accepts_a_server_under_each_of_its_names(ours, tmp_path, name):
    issued = ours.issue_server("main-01", "host.example.org", days=2)
    assert verdict(tmp_path, ours, issued.certificate, "-verify_hostname", name).endswith("leaf.pem: OK\n")


def test_openssl_refuses_a_server_at_another_address(ours, tmp_path):
    issued = ours.issue_server("main-01", "10.213.7.2", days=2)
    assert "IP address mismatch" in verdict(tmp_path, ours, issued.certificate, "-verify_ip", "10.213.7.3")


def test_openssl_accepts_a_client_and_refuses_it_as_a_server(ours, tmp_path):
    issued = ours.issue_client("manager", days=2)
    assert verdict(tmp_path, ours, issued.certificate, "-purpose", "sslclient").endswith("leaf.pem: OK\n")
    assert "unsuitable certificate purpose" in verdict(tmp_path, ours, issued.certificate, "-purpose", "sslserver")


def test_openssl_refuses_a_server_as_a_client(ours, tmp_path):
    issued = ours.issue_server("main-01", "10.213.7.2", days=2)
    assert "unsuitable certificate purpose" in verdict(tmp_path, ours, issued.certificate, "-purpose", "sslclient")


def test_an_authority_of_the_same_name_is_not_ours(ours, tmp_path):
    other = CertificateAuthority.create("DockerDriver dd-test")
    issued = ours.issue_server("main-01", "10.213.7.2", days=2)
    assert "verification failed" in verdict(tmp_path, other, issued.certificate)


def test_no_certificate_outlives_the_authority(ours):
    authority = x509.load_pem_x509_certificate(ours.certificate.encode())
    issued = x509.load_pem_x509_certificate(ours.issue_client("manager", days=99999).certificate.encode())
    assert issued.not_valid_after_utc == authority.not_valid_after_utc


def test_no_representation_shows_a_private_key(ours):
    assert "PRIVATE KEY" not in f"{ours!r} {ours.issue_client('manager', days=2)!r}"
