"""Where the certificates that an operator renews are found, seen with a clock that is far ahead."""

import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest

from blocks.certificates import Certificates
from blocks.gateway.certificate import self_signed
from blocks.stored.authority import AUTHORITY_DAYS, CertificateAuthority
from blocks.stored.pool_config import PoolConfig
from pool.hosts.certificates import running_out
from tests.rigs.fakes import FakeBlocks

pytestmark = pytest.mark.unit


def stored(**config: str) -> FakeBlocks:
    authority = CertificateAuthority.create("DockerDriver dd-test")
    return FakeBlocks({CertificateAuthority: {"main": authority}, PoolConfig: {"main": PoolConfig(**config)}})


def told(blocks: FakeBlocks, days_ahead: int) -> list[str]:
    return running_out(Certificates(blocks).of("main"), datetime.now(UTC) + timedelta(days=days_ahead))


@pytest.fixture
def registry(tmp_path):
    """Where something shows a certificate of 90 days, as a registry does."""
    certificate, key = self_signed(tmp_path, ["127.0.0.1"], days=90)
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as door, shows.wrap_socket(door, server_side=True) as listening:
        Thread(target=_greet, args=[listening], daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _greet(listening: ssl.SSLSocket) -> None:
    with suppress(OSError):  # a client that has seen enough, or the end of the test
        listening.accept()


def test_the_end_of_the_authority_is_told_with_what_to_do():
    assert told(stored(), AUTHORITY_DAYS - 31) == []
    (warning,) = told(stored(), AUTHORITY_DAYS - 29)
    assert "the authority of the hosts' certificates runs out" in warning
    assert "dockerdriver rotate-secrets authority" in warning


def test_the_gateways_certificate_is_told_of_and_one_that_cannot_be_read_is_not(tmp_path, monkeypatch):
    certificate, _ = self_signed(tmp_path, ["nb.example"], days=90)
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE", str(certificate))
    (warning,) = told(stored(), 89)
    assert f"the gateway's certificate {certificate} runs out" in warning
    certificate.write_text("no certificate")
    assert told(stored(), 89) == []


def test_a_registry_that_does_not_answer_is_no_matter_of_its_certificate():
    assert told(stored(DD_IMAGE_REGISTRY="127.0.0.1:9"), 0) == []


def test_a_registrys_certificate_is_told_of_before_it_ends_with_what_to_do(registry):
    (warning,) = told(stored(DD_IMAGE_REGISTRY=registry), 89)
    assert f"the certificate of registry {registry} runs out" in warning
    assert f"dockerdriver registry {registry}" in warning
