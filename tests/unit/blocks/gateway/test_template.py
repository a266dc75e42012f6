"""nginx.conf as it is rendered, without an nginx; tests/contract and tests/integration run it."""

from dataclasses import replace
from pathlib import Path

import pytest

from blocks.gateway.settings import GatewayConfig, GatewaySettings
from blocks.gateway.template import render_gateway
from pool.errors import BadRequest

pytestmark = pytest.mark.unit

PLACE = Path("/srv/gateway")
PLAIN = GatewayConfig(
    PLACE,
    PLACE / "admin.sock",
    PLACE / "routes.json",
    PLACE / "logs",
    PLACE / "downloads",
    GatewaySettings(),
    refused=(),
)
TLS = {"certificate": "/tls/a.crt", "certificate_key": "/tls/a.key"}


def rendered(public_url: str = "", **settings) -> list[str]:
    """The lines of nginx.conf for these settings."""
    text = render_gateway(replace(PLAIN, public_url=public_url, settings=GatewaySettings(**settings)))
    return [line.strip() for line in text.splitlines()]


def lines_from(beginning: str, lines: list[str]) -> list[str]:
    return lines[next(number for number, line in enumerate(lines) if line.startswith(beginning)) :]


def test_without_a_certificate_nothing_is_said_of_tls():
    assert "listen 127.0.0.1:8000 so_keepalive=60s:15s:4;" in rendered()
    assert not [line for line in rendered() if line.startswith(("ssl_", "add_header Strict"))]


def test_under_tls_the_server_and_its_sessions_insist_on_it():
    lines = rendered("https://n.example.org", **TLS, hsts_seconds=60)
    assert "ssl_certificate_key /srv/gateway/tls/key.pem;" in lines  # a copy of the one that is set
    assert lines.count('add_header Strict-Transport-Security "max-age=60" always;') == 2


def test_a_request_that_names_the_public_host_takes_no_map():
    host = lines_from("set $public_host", rendered("https://n.example.org"))
    assert host[:3] == [
        'set $public_host "n.example.org";',
        "set $public_port 443;",
        'if ($http_host != "n.example.org") {',
    ]


def test_without_a_public_url_every_host_is_believed_on_all_addresses():
    text = render_gateway(replace(PLAIN, address="0.0.0.0"))  # noqa: S104 - rendered, not bound
    assert 'set $public_host "$http_host";' in text
    assert "if ($http_host" not in text


def test_a_limit_of_0_is_none():
    limits = ("limit_req_zone", "limit_conn_zone", "limit_req zone", "limit_conn ")
    none = rendered(address_requests=0, address_connections=0, session_requests=0, session_connections=0)
    assert not [line for line in none if line.startswith(limits)]
    assert len([line for line in rendered() if line.startswith(limits)]) == 8


def test_a_long_poll_or_an_upload_may_take_a_day():
    assert {"proxy_read_timeout 24h;", "proxy_send_timeout 24h;", "proxy_buffering off;"} <= set(rendered())


def test_own_names_are_matched_whole_and_as_they_are_written():
    lines = rendered("https://nb.example.org", names=("nb.intranet", "2001:db8::1"))
    names = [line for line in lines if line.endswith("$http_host;")]
    assert names == [
        rf'"~*^{name}\.?(:[0-9]{{1,5}})?$" $http_host;'
        for name in (r"nb\.example\.org", r"nb\.intranet", r"\[2001:db8::1\]")
    ]


def test_no_tag_of_the_template_is_left_over():
    more = {"redirect_port": 80, "trusted_proxies": ("10.0.0.0/8",), "pool_passwords": "/p"}
    every = rendered("https://n.example.org", **TLS, **more)
    assert "return 308 https://n.example.org$request_uri;" in every
    assert "set_real_ip_from 10.0.0.0/8;" in every
    assert not [line for line in every if "{{" in line or "{%" in line]


@pytest.mark.parametrize("word", ["www data", "root;", "$uri", "a{b", 'a"b', "a\nb"])
def test_nothing_that_nginx_would_misread_gets_into_its_configuration(word):
    with pytest.raises(BadRequest, match="it has a character that nginx would misread"):
        rendered(user=word)


def test_a_certificate_without_its_key_is_refused():
    with pytest.raises(BadRequest, match="set DD_GATEWAY_CERTIFICATE_KEY"):
        rendered("https://n.example.org", certificate="/tls/a.crt")
