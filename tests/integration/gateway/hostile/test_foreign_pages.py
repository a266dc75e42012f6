"""Requests that a page of another origin has a visitor's browser send: none acts in the visitor's name."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.rigs.gateways.backend import websocket_backend
from tests.rigs.gateways.browser import browser_page
from tests.rigs.gateways.gateway import only_routes, route_to, running_gateway

pytestmark = pytest.mark.integration

ALICE, BOB = route_to(0, "alice").id, route_to(0, "bob").id
SENTENCE = "A page of another site sent this request, so the gateway does not pass it on.\n"
#: What a browser says of a page elsewhere; {own} is the origin of the session.
FOREIGN = {
    "another site": {"Origin": "http://evil.example"},
    "no origin at all": {"Origin": "null"},
    "an empty one": {"Origin": ""},
    "another port": {"Origin": "{own}0"},
    "no port": {"Origin": "http://{host}"},
    "another scheme": {"Origin": "https://{authority}"},
    "a name that begins so": {"Origin": "{own}.evil.example"},
    "a name before it": {"Origin": "http://x@{authority}"},
    "the gateway's other name": {"Origin": "http://[::1]:{port}"},
    "another site, unnamed": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour, unnamed": {"Sec-Fetch-Site": "same-site"},
    "no origin, at a neighbour": {"Origin": "null", "Sec-Fetch-Site": "same-site"},
    "no origin, by hand": {"Origin": "null", "Sec-Fetch-Site": "none"},
    "another site that says it is ours": {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    "a redirect by another site": {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
}
OWN = [
    {},
    {"Origin": "{own}"},
    {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a form of a page that names no referrer
]


@pytest.fixture
def address(gateway, backend):
    only_routes(gateway.client, [route_to(backend.port)])
    backend.requests.clear()
    return gateway.address(ALICE)


def said(gateway, headers: dict[str, str]) -> dict[str, str]:
    own = gateway.origin(ALICE)
    authority = own.partition("://")[2]
    host, _, port = authority.partition(":")
    return {name: value.format(own=own, authority=authority, host=host, port=port) for name, value in headers.items()}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_a_change_that_a_foreign_page_asks_for_is_refused_in_a_sentence(gateway, backend, address, method):
    for headers in FOREIGN.values():
        answer = httpx.request(method, address + "api/terminals", headers=said(gateway, headers), trust_env=False)
        assert (answer.status_code, answer.text) == (403, SENTENCE), headers
    assert backend.requests == []


@pytest.mark.parametrize("headers", OWN)
def test_the_sessions_own_page_and_programs_change_what_they_like(gateway, address, headers):
    assert httpx.post(address + "api/terminals", headers=said(gateway, headers), trust_env=False).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_link_on_a_foreign_page_leads_to_the_session(gateway, address, method):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "http://evil.example"}
    assert httpx.request(method, address, headers=headers, trust_env=False).status_code != 403


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_foreign_page_opens_a_websocket(gateway, headers):
    with websocket_backend() as echo:
        only_routes(gateway.client, [route_to(echo.port)])
        with pytest.raises(InvalidStatus, match="403"):
            connect(gateway.address(ALICE, "ws"), additional_headers=said(gateway, headers), proxy=None)


@pytest.mark.parametrize("headers", OWN)
def test_the_sessions_own_page_and_programs_open_websockets(gateway, headers):
    with websocket_backend() as echo:
        only_routes(gateway.client, [route_to(echo.port)])
        with connect(gateway.address(ALICE, "ws"), additional_headers=said(gateway, headers), proxy=None) as websocket:
            websocket.send("hello")
            assert websocket.recv(30) == "hello"


@pytest.mark.parametrize(
    ("public_url", "origin", "status"),
    [
        ("https://notebooks.example.org", "https://notebooks.example.org", 200),
        ("https://Notebooks.example.org:443", "https://notebooks.example.org", 200),
        ("https://notebooks.example.org", "http://notebooks.example.org", 403),
        ("https://notebooks.example.org:8443", "https://notebooks.example.org", 403),
        ("https://notebooks.example.org", "http://127.0.0.1:8000", 403),
    ],
)
def test_behind_a_proxy_the_public_url_says_which_origin_is_the_sessions_own(backend, public_url, origin, status):
    with running_gateway(public_url=public_url) as gateway:
        gateway.client.add_route(route_to(backend.port))
        path = f"http://127.0.0.1:{gateway.config.port}/notebooks/{ALICE}/"
        assert httpx.post(path, headers={"Origin": origin}, trust_env=False).status_code == status


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000", 200),  # through a tunnel, or a translated address
        ("localhost:9000", "http://localhost:9000", 200),
        ("[::1]:9000", "http://[::1]:9000", 200),
        ("nb.intranet:9000", "http://nb.intranet:9000", 200),
        ("NB.intranet", "http://nb.intranet", 200),
        ("nb.intranet.:9000", "http://nb.intranet.:9000", 200),  # as it stands in an address bar, with its last dot
        ("nb.intranet:9000", "http://nb.intranet.:9000", 403),
        ("127.0.0.1:9000", "http://127.0.0.1:9001", 403),  # another program's page on the visitor's own machine
        ("rebound.example:9000", "http://rebound.example:9000", 403),
        ("evil-nb.intranet", "http://evil-nb.intranet", 403),
    ],
)
def test_an_own_name_counts_with_the_port_that_the_browser_uses(backend, host, origin, status):
    with running_gateway(names=("nb.intranet",)) as gateway:
        gateway.client.add_route(route_to(backend.port))
        answer = httpx.post(gateway.address(ALICE), headers={"Host": host, "Origin": origin}, trust_env=False)
    assert answer.status_code == status
    if status == 200:
        heard = answer.json()["headers"]
        assert (heard["Host"], heard["X-Forwarded-Host"]) == (host, host)
        assert heard["X-Forwarded-Port"] == ("9000" if "9000" in host else "80")


def test_a_redirect_to_an_own_name_without_its_last_dot_stays_in_the_session(backend):
    with running_gateway(names=("nb.intranet",)) as gateway:
        gateway.client.add_route(route_to(backend.port, rewrite_redirects=True))
        headers = {"Host": "nb.intranet.:9000", "Say": "Location:http://nb.intranet/x"}
        answer = httpx.get(gateway.address(ALICE), headers=headers, trust_env=False)
    assert answer.headers["Location"] == f"/notebooks/{ALICE}/x"


def test_a_sessions_own_name_counts_with_the_port_that_the_browser_uses(backend):
    with running_gateway(session_domain="localhost") as gateway:
        gateway.client.add_route(route_to(backend.port))
        path, own = f"{gateway.url}/notebooks/{ALICE}/", f"{ALICE}.localhost:9000"
        posted = httpx.post(path, headers={"Host": own, "Origin": f"http://{own}"}, trust_env=False)
        sent_on = httpx.get(path, headers={"Host": "localhost:9000"}, trust_env=False)
    assert (posted.status_code, posted.json()["headers"]["Host"]) == (200, own)
    assert sent_on.headers["Location"] == f"http://{own}/notebooks/{ALICE}/"


def test_behind_a_proxy_the_page_of_one_session_changes_no_other(backend):
    with running_gateway(public_url="https://nb.example.org", session_domain="nb.example.org") as gateway:
        gateway.client.add_route(route_to(backend.port))
        path = f"http://127.0.0.1:{gateway.config.port}/notebooks/{ALICE}/"
        for name, status in ((ALICE, 200), (BOB, 403)):
            headers = {"Host": f"{ALICE}.nb.example.org", "Origin": f"https://{name}.nb.example.org"}
            assert httpx.post(path, headers=headers, trust_env=False).status_code == status


def test_in_chromium_a_page_of_another_port_changes_nothing_and_the_sessions_own_does(backend):
    post = "([url, mode]) => fetch(url, {method: 'POST', mode}).then(answer => answer.status, () => 0)"
    with running_gateway() as gateway, running_gateway() as elsewhere, browser_page() as page:
        gateway.client.add_route(route_to(backend.port))
        elsewhere.client.add_route(route_to(backend.port))
        backend.requests.clear()
        page.goto(elsewhere.address(ALICE))
        page.evaluate(post, [gateway.address(ALICE), "no-cors"])  # a page may send it, and not read the answer
        page.goto(gateway.address(ALICE))
        assert page.evaluate(post, [gateway.address(ALICE), "cors"]) == 200
        assert gateway.logs_after(ALICE, 3).count('"status":403') == 1
    assert [seen["method"] for seen in backend.requests].count("POST") == 1
