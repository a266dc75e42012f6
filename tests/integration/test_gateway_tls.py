"""TLS at the gateway: what it offers, what it refuses, and a new certificate while people work."""

import socket
import ssl
from dataclasses import replace

import httpx
import pytest
from websockets.sync.client import connect

from blocks.gateway_certificate import self_signed
from blocks.gateway_config import prepare_gateway, reload_gateway
from pool.errors import BadRequest, GatewayTrouble
from tests.rigs.backend import free_port, http_backend, websocket_backend
from tests.rigs.gateway import GATEWAY_PORTS, route_to, running_gateway, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"), ["localhost", "127.0.0.1"])


@pytest.fixture(scope="module")
def gateway(certificate):
    port, other = free_port(*GATEWAY_PORTS), free_port(8200, 8299)
    settings = {"certificate": certificate[0], "certificate_key": certificate[1], "redirect_port": other}
    with running_gateway(port, public_url=f"https://localhost:{port}", **settings) as gateway:
        yield gateway


def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def serial(gateway) -> int:
    """Of the certificate that the gateway shows right now."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as raw, context.wrap_socket(raw) as connection:
        return hash(connection.getpeercert(binary_form=True))


def test_a_session_is_reached_over_tls_and_told_so(gateway, certificate):
    with http_backend() as session, httpx.Client(verify=trusting(certificate), trust_env=False) as browser:
        gateway.client.add_route(route_to(session.port))
        answer = browser.get(f"{gateway.url}/notebooks/{route_to(0).id}/")
    heard = answer.json()["headers"]
    assert heard["X-Forwarded-Proto"] == "https"
    assert heard["X-Forwarded-Port"] == str(gateway.config.port)
    assert heard["Host"] == f"localhost:{gateway.config.port}"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_gateway_speaks_http_2(gateway, certificate):
    context = trusting(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    raw = socket.create_connection(("127.0.0.1", gateway.config.port))
    with raw, context.wrap_socket(raw, server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_before_1_2_is_refused(gateway, certificate, version):
    context = trusting(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_the_plain_port_redirects_to_the_public_url_whatever_the_client_calls_it(gateway):
    plain = f"http://127.0.0.1:{gateway.config.settings.redirect_port}/notebooks/x/?y=1"
    answer = httpx.get(plain, headers={"Host": "evil.example"}, trust_env=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"{gateway.url}/notebooks/x/?y=1")


def test_a_new_certificate_is_taken_without_dropping_a_websocket(gateway, certificate):
    old = serial(gateway)
    with websocket_backend() as session:
        gateway.client.add_route(route_to(session.port))
        address = f"wss://localhost:{gateway.config.port}/notebooks/{route_to(0).id}/channels"
        with connect(address, ssl=trusting(certificate), proxy=None) as websocket:
            self_signed(certificate[0].parent, ["localhost", "127.0.0.1"])
            gateway.reload()
            until(lambda: serial(gateway) != old, "the new certificate is shown")
            websocket.send("still here")
            assert websocket.recv(5) == "still here"


def test_a_broken_certificate_changes_nothing(gateway, certificate):
    before, kept = serial(gateway), certificate[0].read_bytes()
    certificate[0].write_text("not a certificate")
    with pytest.raises(BadRequest, match="nginx refuses the gateway's configuration: cannot load certificate"):
        reload_gateway(gateway.config)
    certificate[0].write_bytes(kept)
    assert serial(gateway) == before


def test_a_key_of_ones_own_is_for_its_owner_alone(certificate):
    assert certificate[1].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"public_url": "http://notebooks.example.org"}, "must be set and begin with https://"),
        ({"public_url": "notebooks.example.org"}, "is not of the form https://notebooks.example.org"),
        ({"public_url": "https://notebooks.example.org/deep"}, "is not of the form"),
        ({"public_url": "https://a.example;return"}, "holds a character that nginx would misread"),
    ],
)
def test_a_public_url_that_cannot_be_is_refused_in_a_sentence(gateway, wrong, sentence):
    with pytest.raises(BadRequest, match=sentence):
        prepare_gateway(replace(gateway.config, **wrong))


def test_a_certificate_without_a_key_is_refused_in_a_sentence(gateway):
    settings = gateway.config.settings.model_copy(update={"certificate_key": None})
    with pytest.raises(BadRequest, match="a certificate without a key"):
        prepare_gateway(replace(gateway.config, settings=settings))


def test_reloading_a_gateway_that_does_not_run_says_so(gateway, tmp_path):
    elsewhere = replace(gateway.config, directory=tmp_path)
    with pytest.raises(GatewayTrouble, match="the gateway does not run"):
        reload_gateway(elsewhere)
