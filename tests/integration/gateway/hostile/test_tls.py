"""TLS at the gateway: what it offers, what it refuses, and a new certificate while people work."""

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.sync.client import connect

from blocks.gateway.browser import answers, browser, unreached
from blocks.gateway.certificate import self_signed
from blocks.gateway.config import prepare_gateway, reload_gateway
from blocks.gateway.renewal import keep_certificate
from blocks.stored.link_keys import LinkKeys
from pool.errors import BadRequest, GatewayTrouble
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.gateway import GATEWAY_PORTS, names_below_localhost, route_to, running_gateway
from tests.rigs.gateways.talk import Talk
from tests.rigs.ports import free_port
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration


ROUTE = route_to(0).id
#: Session domain and names of the certificate. A wildcard stands for one label, and not right below a top domain.
FORMS = [("", ["localhost", "127.0.0.1"]), ("nb.localhost", ["nb.localhost", "*.nb.localhost"])]


@pytest.fixture(scope="module", params=FORMS, ids=["one origin", "an origin each"])
def form(request):
    with names_below_localhost():
        yield request.param


@pytest.fixture(scope="module")
def certificate(form, tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"), form[1])


@pytest.fixture(scope="module")
def gateway(form, certificate):
    port, other = free_port(GATEWAY_PORTS), free_port(range(8200, 8300))
    settings = {"certificate": certificate[0], "certificate_key": certificate[1], "redirect_port": other}
    with running_gateway(port, f"https://{form[1][0]}:{port}", form[0], **settings) as gateway:
        yield gateway


def trusting(certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


def serial(gateway) -> int:
    """Of the certificate that the gateway shows right now."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as raw, context.wrap_socket(raw) as connection:
        return hash(connection.getpeercert(binary_form=True))


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_a_session_is_reached_over_tls_and_told_so(gateway, certificate, protocol):
    options = {"verify": trusting(certificate), "trust_env": False, "http2": protocol == "HTTP/2"}
    with http_backend() as session, httpx.Client(**options) as browser:
        gateway.client.add_route(route_to(session.port))
        answer = browser.put(gateway.address(ROUTE) + "file", content=b"x" * 100_000)
    seen, heard = answer.json(), answer.json()["headers"]
    assert (answer.http_version, seen["size"]) == (protocol, 100_000)
    assert heard["X-Forwarded-Proto"] == "https"
    assert heard["X-Forwarded-Port"] == str(gateway.config.port)
    assert heard["Host"] == heard["X-Forwarded-Host"] == gateway.host(ROUTE)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_link_over_tls_leaves_a_cookie_that_nothing_without_tls_can_have_put(gateway, certificate, form):
    keys, soon = LinkKeys.create(), datetime.now(UTC) + timedelta(seconds=60)
    gateway.client.put_keys(keys.for_gateway())
    with http_backend() as session, httpx.Client(verify=trusting(certificate), trust_env=False) as browser:
        gateway.client.add_route(route_to(session.port, sign_in="link"))
        assert browser.get(gateway.address(ROUTE)).status_code == 401
        signed_in = browser.post(keys.launch_link(gateway.origin(ROUTE), ROUTE, soon))
        name, _, attributes = signed_in.headers["Set-Cookie"].partition("=")
        path = "/" if form[0] else f"/notebooks/{ROUTE}/"
        assert name == ("__Host-dd-session" if form[0] else "__Secure-dd-session")
        assert attributes.endswith(f"; Path={path}; Max-Age=86400; HttpOnly; SameSite=Lax; Secure")
        assert browser.get(gateway.address(ROUTE)).status_code == 200


def test_who_was_signed_in_before_the_cookie_had_its_new_name_stays_so(gateway, certificate):
    keys, soon = LinkKeys.create(), datetime.now(UTC) + timedelta(seconds=60)
    gateway.client.put_keys(keys.for_gateway())
    with http_backend() as session, httpx.Client(verify=trusting(certificate), trust_env=False) as browser:
        gateway.client.add_route(route_to(session.port, sign_in="link"))
        given = browser.post(keys.launch_link(gateway.origin(ROUTE), ROUTE, soon)).headers["Set-Cookie"]
        browser.cookies.clear()
        former = given.partition(";")[0].partition("dd-session")[2]
        assert browser.get(gateway.address(ROUTE), headers={"Cookie": f"dd-session{former}"}).status_code == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # outdated: that is why they are refused
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_before_1_2_is_refused(gateway, certificate, version):
    context = trusting(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname=gateway.host(ROUTE).partition(":")[0])


def test_the_plain_port_redirects_to_the_public_url_whatever_the_client_calls_it(gateway):
    plain = f"http://127.0.0.1:{gateway.config.settings.redirect_port}/notebooks/x/?y=1"
    answer = httpx.get(plain, headers={"Host": "evil.example"}, trust_env=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"{gateway.url}/notebooks/x/?y=1")


def test_a_new_certificate_is_taken_without_losing_a_frame_of_a_websocket(gateway, certificate, form):
    old = serial(gateway)
    with websocket_backend() as session:
        gateway.client.add_route(route_to(session.port))
        address = gateway.address(ROUTE, "ws") + "channels"
        with connect(address, ssl=trusting(certificate), proxy=None) as websocket, Talk(websocket) as talk:
            self_signed(certificate[0].parent, form[1])
            gateway.reload()
            until(lambda: serial(gateway) != old, "the new certificate is shown")
            before = talk.answered
            until(lambda: talk.answered > before + 10, "frames flow under the old one")
        assert talk.lost == 0


def test_a_certificate_that_was_replaced_on_disk_is_shown_without_an_operators_word(gateway, certificate, form):
    keep_certificate(gateway.config, datetime.now(UTC))
    old = serial(gateway)
    self_signed(certificate[0].parent, form[1])
    assert "was replaced" in keep_certificate(gateway.config, datetime.now(UTC))
    until(lambda: serial(gateway) != old, "the new certificate is shown")


def test_a_broken_certificate_changes_nothing(gateway, certificate):
    before, kept = serial(gateway), certificate[0].read_bytes()
    certificate[0].write_text("not a certificate")
    with pytest.raises(BadRequest, match="holds no certificate in PEM; the gateway goes on with the one before, until"):
        reload_gateway(gateway.config)
    assert serial(gateway) == before
    certificate[0].write_bytes(kept)


def test_a_gateway_that_starts_anew_beside_a_broken_certificate_shows_the_one_before(gateway, certificate):
    before, kept = serial(gateway), certificate[1].read_bytes()
    certificate[1].write_text("not a key")
    gateway.kill()
    gateway.start()
    assert serial(gateway) == before
    certificate[1].write_bytes(kept)


def test_make_up_finds_a_session_whoever_signed_the_certificate_and_says_that_this_machine_trusts_it_not(gateway):
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        assert answers(gateway.address(ROUTE), browser(gateway.config))
    assert "CERTIFICATE_VERIFY_FAILED" in unreached(gateway.url)


def test_a_key_of_ones_own_is_for_its_owner_alone(certificate):
    assert certificate[1].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"public_url": "http://notebooks.example.org"}, "must be set and begin with https://"),
        ({"public_url": "notebooks.example.org"}, "is not of the form https://notebooks.example.org"),
        ({"public_url": "https://notebooks.example.org/deep"}, "is not of the form"),
        ({"public_url": "https://a.example;return"}, "has a character that nginx would misread"),
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
