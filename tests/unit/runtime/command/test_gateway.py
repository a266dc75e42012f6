"""`dockerdriver gateway …`, without a gateway; tests/integration/gateway/hostile/test_tls.py reloads a real one."""

import json
from pathlib import Path

import pytest
from cryptography.x509 import DNSName, SubjectAlternativeName, load_pem_x509_certificate

from blocks.settings import ProcessSettings
from pool.errors import BadRequest, GatewayTrouble, NotFound, Refused
from runtime.command import cli, gateway
from runtime.stack.origin import note_origin

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """Of an installation that does not run: no process listens on port 1."""
    return ProcessSettings(data=tmp_path, prefect_port=1, _env_file=None)


@pytest.mark.parametrize("action", ["reload", "self-signed", "certificate", "rotate-keys"])
def test_each_action_says_what_it_does(action, capsys):
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["gateway", action, "--help"])
    assert f"usage: dockerdriver gateway {action}" in capsys.readouterr().out


def test_the_gateway_has_these_actions_and_wants_one(capsys):
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["gateway"])
    assert "required: verb" in capsys.readouterr().err


def test_a_reload_without_a_gateway_says_that_none_runs(settings):
    with pytest.raises(
        (GatewayTrouble, BadRequest), match=r"the gateway does not run: \S+ names no|nginx is not installed"
    ):
        gateway.reload(settings)


@pytest.mark.parametrize("now", [{"public_url": "https://n.example.org"}, {"session_domain": "n.example.org"}])
def test_a_reload_that_links_would_not_follow_is_refused_with_what_starts_both_anew(settings, now):
    note_origin(settings)
    changed = settings.model_copy(update=now)
    with pytest.raises(Refused, match=r"workers go on making links to http://127\.0\.0\.1:8000 until .*`make up`"):
        gateway.reload(changed)
    note_origin(changed)
    with pytest.raises((GatewayTrouble, BadRequest)):  # it is tried
        gateway.reload(changed)


def test_a_certificate_to_try_names_what_it_was_asked_for_and_its_settings(settings, capsys):
    said = vars(cli._parser().parse_args(["gateway", "self-signed", "n.example.org", "*.n.example.org", "--days", "3"]))
    assert said.pop("command")(settings, **said) == 0
    lines = dict(line.split("=") for line in capsys.readouterr().out.splitlines())
    certificate = load_pem_x509_certificate(Path(lines["DD_GATEWAY_CERTIFICATE"]).read_bytes())
    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    assert names.get_values_for_type(DNSName) == ["n.example.org", "*.n.example.org"]
    assert lines["DD_GATEWAY_CERTIFICATE_KEY"] == str(settings.data / "gateway" / "tls" / "gateway.key")


def set_certificate(monkeypatch, certificate: Path, key: Path) -> None:
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE", str(certificate))
    monkeypatch.setenv("DD_GATEWAY_CERTIFICATE_KEY", str(key))


def test_the_certificate_that_is_set_is_told_with_its_end_and_who_renews_it(settings, monkeypatch, capsys):
    gateway.self_signed(settings, ["n.example.org"], 30, None)
    own = settings.data.absolute() / "gateway" / "tls" / "gateway.crt"
    set_certificate(monkeypatch, own, own.with_suffix(".key"))
    capsys.readouterr()
    assert gateway.certificate(settings, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["names"], told["issuer"]) == ("n.example.org", "itself: browsers warn of it")
    assert told["renewed_by"].startswith("housekeeping")
    set_certificate(monkeypatch, own.rename(own.with_name("bought.crt")), own.with_suffix(".key"))
    gateway.certificate(settings)
    assert "you; a tick has nginx take it" in capsys.readouterr().out


def test_where_no_certificate_is_set_or_it_is_none_that_is_said(settings, tmp_path, monkeypatch):
    with pytest.raises(NotFound, match="the gateway speaks no TLS"):
        gateway.certificate(settings)
    (tmp_path / "odd.crt").write_text("hello")
    set_certificate(monkeypatch, tmp_path / "odd.crt", tmp_path / "odd.key")
    with pytest.raises(BadRequest, match=r"odd.crt holds no certificate"):
        gateway.certificate(settings)


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [(["nb example"], 9, "nb example"), ([""], 9, "name"), (["nb.example"], 0, "1 to 3650 days")],
)
def test_a_certificate_that_cannot_be_made_leaves_the_one_that_is_there(settings, names, days, said):
    gateway.self_signed(settings, ["bücher.example", "*.bücher.example", "127.0.0.1"], 30, None)
    before = {file: file.read_bytes() for file in (settings.data / "gateway" / "tls").iterdir()}
    with pytest.raises(BadRequest, match=said):
        gateway.self_signed(settings, names, days, None)
    assert {file: file.read_bytes() for file in (settings.data / "gateway" / "tls").iterdir()} == before
