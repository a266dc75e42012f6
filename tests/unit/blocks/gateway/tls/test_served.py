"""Which certificate nginx has: what is put in its place is judged first, and what is refused leaves it where it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from blocks.gateway.certificate import self_signed
from blocks.gateway.settings import GatewayConfig, GatewaySettings
from blocks.gateway.tls.served import put_in_service, refusal_of_files, served_files, trouble_with_files
from pool.errors import BadRequest

pytestmark = pytest.mark.unit

PARTS = ("nginx", "admin.sock", "routes.json", "logs", "downloads")
TODAY = datetime.now(UTC)
LATER = TODAY + timedelta(days=20)


@pytest.fixture
def fresh(tmp_path):
    """A gateway for https://nb.example whose certificate holds for 90 days, before its first start."""
    certificate, key = self_signed(tmp_path / "tls", ["nb.example"], days=90)
    settings = GatewaySettings(certificate=certificate, certificate_key=key)
    nginx, socket, routes, logs, downloads = (tmp_path / name for name in PARTS)
    return GatewayConfig(nginx, socket, routes, logs, downloads, settings, public_url="https://nb.example:8000")


@pytest.fixture
def config(fresh):
    """The same after its start."""
    put_in_service(fresh, TODAY)
    return fresh


def put(config, *names: str, days: int = 90) -> None:
    """What an operator puts in place of the files."""
    self_signed(config.settings.certificate.parent, list(names), days)


def in_service(config) -> bytes:
    return served_files(config)[0].read_bytes()


def refused(config, now=TODAY) -> str:
    """Why what was put there is refused: said alike by all, and nginx has what it had."""
    before = in_service(config)
    said = put_in_service(config, now)
    assert (said, said) == (refusal_of_files(config, now), trouble_with_files(config, now))
    assert in_service(config) == before
    return said


def test_one_that_is_in_order_is_copied_for_nginx_and_its_key_is_for_its_owner_alone(config):
    assert in_service(config) == config.settings.certificate.read_bytes()
    key = served_files(config)[1]
    assert (key.stat().st_mode & 0o777, key.resolve().parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_another_one_takes_its_place_and_no_key_of_before_is_kept(config):
    put(config, "nb.example")
    assert put_in_service(config, TODAY) == trouble_with_files(config, TODAY) == ""
    assert in_service(config) == config.settings.certificate.read_bytes()
    assert len(list(config.directory.glob("tls-*"))) == 1


def test_one_for_another_name_is_refused_with_both_names(config):
    put(config, "other.example")
    assert "gateway.crt is for other.example, and not for nb.example; the gateway goes on" in refused(config)


def test_one_that_has_run_out_is_refused_with_the_day(config):
    put(config, "nb.example", days=10)
    assert f"has run out on {TODAY + timedelta(days=10):%Y-%m-%d}" in refused(config, LATER)


def test_one_that_is_not_valid_yet_is_told_of_with_the_day(config):
    assert "is valid from 20" in trouble_with_files(config, TODAY - timedelta(days=2))


def test_a_key_of_another_certificate_is_refused_by_its_name(config):
    old = config.settings.certificate.read_bytes()
    put(config, "nb.example")
    config.settings.certificate.write_bytes(old)
    assert "gateway.key is not that of the gateway's certificate" in refused(config)


def test_a_key_with_a_passphrase_is_refused_before_nginx_asks_for_it(config):
    secret = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    config.settings.certificate_key.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*secret))
    assert "has a passphrase, which nginx cannot ask for" in refused(config)


@pytest.mark.parametrize(
    ("file", "said"), [("certificate", "no certificate in PEM"), ("certificate_key", "no private")]
)
def test_a_file_that_is_none_or_is_gone_is_refused_by_its_name(config, file, said):
    path = getattr(config.settings, file)
    path.write_text("hello")
    assert f"{path} holds {said}" in refused(config)
    path.unlink()
    assert f"{path} cannot be read: No such file or directory" in refused(config)


def test_before_the_first_start_a_pair_that_cannot_be_used_is_refused(fresh):
    fresh.settings.certificate_key.write_text("hello")
    with pytest.raises(BadRequest, match=r"gateway\.key holds no private key"):
        put_in_service(fresh, TODAY)


def test_where_none_is_in_order_one_that_has_run_out_is_taken_and_told_of(fresh):
    put(fresh, "nb.example", days=10)
    assert put_in_service(fresh, LATER) == ""
    assert "has run out on" in trouble_with_files(fresh, LATER)


def test_for_sessions_with_names_of_their_own_a_wildcard_is_wanted(config):
    below = replace(config, session_domain="nb.example")
    assert "is for nb.example, and not for *.nb.example" in trouble_with_files(below, TODAY)
    put(config, "nb.example", "*.nb.example")
    assert trouble_with_files(below, TODAY) == ""


def test_behind_a_proxy_no_name_is_wanted(config):
    put(config, "inside.example")
    behind = config.settings.model_copy(update={"trusted_proxies": ("10.0.0.0/8",)})
    assert trouble_with_files(replace(config, settings=behind), TODAY) == ""


def test_a_gateway_without_tls_keeps_no_key(config):
    without = replace(config, settings=GatewaySettings())
    assert put_in_service(without, TODAY) == ""
    assert not list(config.directory.glob("tls*-*"))
