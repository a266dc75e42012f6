"""The gateway's certificate while it runs: one of our own is renewed, and what was replaced is taken once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from blocks.gateway import renewal
from blocks.gateway.certificate import self_signed
from blocks.gateway.renewal import keep_certificate, waits
from blocks.gateway.settings import GatewayConfig, GatewaySettings
from blocks.gateway.tls.served import put_in_service
from pool.errors import BadRequest, GatewayTrouble

pytestmark = pytest.mark.unit

PARTS = ("nginx", "admin.sock", "routes.json", "logs", "downloads")
TODAY = datetime.now(UTC)
NEAR_ITS_END = TODAY + timedelta(days=61)  # of 90 days, a third is left from the sixtieth on


def gateway(folder, **settings) -> GatewayConfig:
    (folder / "nginx").mkdir()
    conf, socket, routes, logs, downloads = (folder / name for name in PARTS)
    return GatewayConfig(conf, socket, routes, logs, downloads, settings=GatewaySettings(**settings))


@pytest.fixture
def hang_ups(monkeypatch):
    told: list[Any] = []
    monkeypatch.setattr(renewal, "hang_up", told.append)
    return told


@pytest.fixture
def config(tmp_path, hang_ups):
    """A gateway that has read a certificate of ours for 90 days."""
    certificate, key = self_signed(tmp_path / "tls", ["nb.example", "*.nb.example", "127.0.0.1"], days=90)
    made = gateway(tmp_path, certificate=certificate, certificate_key=key)
    keep_certificate(made, TODAY)
    hang_ups.clear()
    return made


def shown(config) -> x509.Certificate:
    return x509.load_pem_x509_certificate(config.settings.certificate.read_bytes())


def test_one_of_our_own_is_renewed_with_a_third_of_its_life_left_for_the_same_names_and_days(config, hang_ups):
    before = shown(config)
    assert [waits(config, now) for now in (TODAY, NEAR_ITS_END)] == [False, True]
    assert "was renewed" in keep_certificate(config, NEAR_ITS_END)
    after, name = shown(config), x509.SubjectAlternativeName
    assert after.serial_number != before.serial_number
    assert after.extensions.get_extension_for_class(name) == before.extensions.get_extension_for_class(name)
    assert (after.not_valid_after_utc - before.not_valid_after_utc) < timedelta(minutes=10)  # made a moment later
    assert hang_ups == [config]


def test_one_that_an_operator_brought_is_not_renewed(config, hang_ups):
    own = config.settings.certificate.rename(config.settings.certificate.with_name("fullchain.pem"))
    others = replace(config, settings=config.settings.model_copy(update={"certificate": own}))
    assert (waits(others, NEAR_ITS_END), keep_certificate(others, NEAR_ITS_END), hang_ups) == (False, "", [])


def test_one_that_was_replaced_is_taken_once(config, hang_ups):
    self_signed(config.settings.certificate.parent, ["nb.example"])
    assert "was replaced" in keep_certificate(config, TODAY)
    assert (keep_certificate(config, TODAY), hang_ups) == ("", [config])


def test_one_that_was_there_before_another_is_taken_again(config, hang_ups):
    files = (config.settings.certificate, config.settings.certificate_key)
    first = [file.read_bytes() for file in files]
    self_signed(files[0].parent, ["nb.example"])
    put_in_service(config, TODAY)  # as `gateway reload` does
    for file, content in zip(files, first, strict=True):
        file.write_bytes(content)
    assert waits(config, TODAY)
    assert ("was replaced" in keep_certificate(config, TODAY), hang_ups) == (True, [config])


def test_while_certificate_and_key_are_not_of_each_other_the_gateway_is_told_nothing(config, hang_ups):
    old = config.settings.certificate.read_bytes()
    self_signed(config.settings.certificate.parent, ["nb.example"])
    config.settings.certificate.write_bytes(old)
    with pytest.raises(
        BadRequest, match=r"gateway\.key is not that of the gateway's certificate .*goes on with the one"
    ):
        keep_certificate(config, TODAY)
    assert (hang_ups, waits(config, TODAY)) == ([], False)  # status, doctor and each tick say so, and try nothing


def test_one_that_no_gateway_runs_for_is_taken_when_one_does(config, monkeypatch):
    def does_not_run(_config):
        raise GatewayTrouble("the gateway does not run")

    self_signed(config.settings.certificate.parent, ["nb.example"])
    monkeypatch.setattr(renewal, "hang_up", does_not_run)
    with pytest.raises(GatewayTrouble):
        keep_certificate(config, TODAY)
    assert waits(config, TODAY)


def test_what_is_no_certificate_is_said_by_its_name(config):
    config.settings.certificate.write_text("no certificate")
    with pytest.raises(BadRequest, match=r"gateway\.crt holds no certificate"):
        keep_certificate(config, TODAY)


def test_a_gateway_without_tls_has_nothing_to_keep(tmp_path):
    without = gateway(tmp_path)
    assert (waits(without, TODAY), keep_certificate(without, TODAY)) == (False, "")
