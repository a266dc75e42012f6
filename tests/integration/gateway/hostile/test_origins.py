"""A host name for each session: what it keeps apart, beside all that holds under one name."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from blocks.settings import ProcessSettings
from tests.rigs.gateways.backend import http_backend, websocket_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import names_below_localhost, route_to, running_gateway
from tests.rigs.waiting import until

pytestmark = pytest.mark.integration

ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id


@pytest.fixture(scope="module")
def gateway():
    with names_below_localhost(), http_backend() as session, running_gateway(session_domain="localhost") as gateway:
        gateway.client.add_route(route_to(session.port, "alice"))
        gateway.client.add_route(route_to(session.port, "bob"))
        yield gateway


def get(address: str, **kwargs) -> httpx.Response:
    return httpx.get(address, trust_env=False, **kwargs)


@pytest.mark.parametrize("origin", ["the gateway's", "another session's"])
def test_a_session_is_shown_under_its_own_name_alone(gateway, origin):
    wrong = gateway.url if origin == "the gateway's" else gateway.origin(BOB)
    answer = get(f"{wrong}/notebooks/{ALICE}/lab?x=1")
    own = f"{gateway.origin(ALICE)}/notebooks/{ALICE}/lab?x=1"
    assert (answer.status_code, answer.headers["Location"]) == (302, own)
    assert get(own).json()["headers"]["Host"] == f"{ALICE}.localhost:{gateway.config.port}"


def test_nothing_is_changed_under_another_name(gateway):
    assert httpx.put(f"{gateway.origin(BOB)}/notebooks/{ALICE}/x", content="x", trust_env=False).status_code == 403


@pytest.mark.parametrize(("origin", "opens"), [(ALICE, True), (BOB, False)])
def test_only_the_sessions_own_page_opens_its_websocket(gateway, origin, opens):
    with websocket_backend() as echo:
        gateway.client.add_route(route_to(echo.port, "carol" if opens else "dave"))
        name = route_to(0, "carol" if opens else "dave").id
        address = f"{gateway.origin(name)}/notebooks/{name}/channels".replace("http", "ws", 1)
        page = gateway.origin(name if opens else origin)
        if opens:
            with connect(address, origin=page, proxy=None) as websocket:
                websocket.send("hello")
                assert websocket.recv(30) == "hello"
            return
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, origin=page, proxy=None)


def test_in_chromium_the_page_of_one_session_has_nothing_of_another(gateway):
    bobs = gateway.address(BOB)
    with browser_page() as page:
        page.goto(gateway.address(ALICE))
        page.evaluate("localStorage.setItem('mine', 'x'); document.cookie = 'bomb=x; Path=/; Domain=localhost'")
        assert page.evaluate("url => fetch(url).then(a => a.text(), () => 'refused')", bobs) == "refused"
        assert page.evaluate("url => fetch(url, {method: 'POST', mode: 'no-cors'}).then(a => a.type)", bobs) == "opaque"
        page.goto(bobs)
        assert page.evaluate("[localStorage.getItem('mine'), document.cookie]") == [None, ""]
    posts = lambda: [line for line in gateway.log("gateway-access.log").splitlines() if '"POST"' in line]  # noqa: E731
    until(posts, "the request is logged")
    assert ['"status":403' in line for line in posts()] == [True]


def test_the_bare_name_leads_to_its_session_and_the_gateways_to_words(gateway):
    answer = get(gateway.origin(ALICE) + "/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/notebooks/{ALICE}/")
    assert get(gateway.url + "/").status_code == 200


def test_no_session_reads_the_operators_page_under_its_own_name(gateway):
    gateway.client.put_pool_page("<h1>Pools</h1>")
    assert get(gateway.url + "/pool/").status_code == 200
    assert get(gateway.origin(ALICE) + "/pool/").status_code == 404


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [("https://nb.example.org", "https://r1.nb.example.org"), ("https://x.org:8443", "https://r1.nb.example.org:8443")],
)
def test_the_platform_is_told_the_sessions_own_address(public_url, origin):
    settings = ProcessSettings(public_url=public_url, session_domain="nb.example.org", _env_file=None)
    assert settings.session_origin("r1") == origin
