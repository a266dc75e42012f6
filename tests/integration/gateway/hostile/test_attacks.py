"""Requests that mean to reach what they must not, as bytes on a socket."""

import socket

import httpx
import pytest

from tests.rigs.gateways.gateway import only_routes, route_to

pytestmark = pytest.mark.integration


@pytest.fixture
def prefix(gateway, backend):
    only_routes(gateway.client, [route_to(backend.port), route_to(backend.port, "bob", token_header="token bob")])
    backend.requests.clear()
    return f"/notebooks/{route_to(0).id}"


def send(gateway, *lines: str, body: str = "") -> list[int]:
    """Send these bytes and give the status of every answer until the gateway closes the connection.

    A line "Host: x" becomes the one that a browser would send to the first session.
    """
    told = [f"Host: {gateway.host(route_to(0).id)}" if line == "Host: x" else line for line in lines]
    with socket.create_connection(("127.0.0.1", gateway.config.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*told, "", body]).encode("latin-1"))
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "framing",
    [
        ("Content-Length: 6", "Transfer-Encoding: chunked"),
        ("Content-Length: 6", "Content-Length: 7"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: +6",),
        ("Content-Length: 6, 6",),
        (" Transfer-Encoding: chunked", "Content-Length: 6"),
    ],
)
def test_a_request_of_two_lengths_smuggles_no_second_one(gateway, backend, prefix, framing):
    smuggled = f"0\r\n\r\nGET /notebooks/{route_to(0, 'bob').id}/ HTTP/1.1\r\nHost: x\r\n\r\n"
    statuses = send(gateway, f"POST {prefix}/ HTTP/1.1", "Host: x", *framing, body=smuggled)
    assert statuses
    assert all(status >= 400 for status in statuses)
    assert backend.requests == []


def test_a_chunked_request_ends_where_the_gateway_says(gateway, backend, prefix):
    lines = (f"POST {prefix}/ HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", "Connection: close")
    send(gateway, *lines, body="3\r\nabc\r\n0\r\n\r\nGET /secret HTTP/1.1\r\n\r\n")
    assert [seen["path"] for seen in backend.requests] == [f"{prefix}/"]


@pytest.mark.parametrize(
    "path",
    [
        "/../bob-0123456789abcdef/",
        "/%2e%2e/bob-0123456789abcdef/",
        "/..%2fbob-0123456789abcdef/",
        "/%2e%2e%2fbob-0123456789abcdef/",
        "/..%5cbob-0123456789abcdef/",
        "/..\\bob-0123456789abcdef/",
        "/a\\..\\..\\bob-0123456789abcdef/",
        "/%252e%252e/bob-0123456789abcdef/",
        "/..%252fbob-0123456789abcdef/",
        "/a/./../../bob-0123456789abcdef/",
        "/./",
        "/a/..",
        "/.",
        "/..",
        "/../",
        "/%2E%2E/bob-0123456789abcdef/",
        "/.%2e/bob-0123456789abcdef/",
        "/%2e./bob-0123456789abcdef/",
        "/..%2F%2e%2e%2fnotebooks/bob-0123456789abcdef/",
        "/%5c..%5cbob-0123456789abcdef/",
        "/..%00/bob-0123456789abcdef/",
        "/a/b/../../../bob-0123456789abcdef/",
        "//../bob-0123456789abcdef/",
    ],
)
def test_a_path_that_climbs_reaches_no_session(gateway, backend, prefix, path):
    assert send(gateway, f"GET {prefix}{path} HTTP/1.1", "Host: x", "Connection: close")[0] in (400, 403, 404)
    assert backend.requests == []


#: They climb for programs that decode twice, or by another rule: the gateway passes them on as they came.
ODD_PATHS = (
    "/..%c0%afbob-0123456789abcdef/",
    "/%c0%ae%c0%ae/bob-0123456789abcdef/",
    "/..;/bob-0123456789abcdef/",
    "/..%0d%0a/bob-0123456789abcdef/",
    "/?x/../../bob-0123456789abcdef/../..%00",
)


@pytest.mark.parametrize("path", ODD_PATHS)
def test_an_odd_path_comes_to_its_own_session_as_it_was_sent_and_to_no_other(gateway, backend, prefix, path):
    send(gateway, f"GET {prefix}{path} HTTP/1.1", "Host: x", "Connection: close")
    (seen,) = backend.requests
    assert (seen["path"], "Authorization" in seen["headers"]) == (prefix + path, False)


@pytest.mark.parametrize(
    "target",
    [
        "/x/..{prefix}/",
        "/notebooks/../notebooks/alice-0123456789abcdef/",
        "//notebooks/alice-0123456789abcdef/",
        "/notebooks//alice-0123456789abcdef/",
        "/notebooks%2falice-0123456789abcdef/",
        "/%6eotebooks/alice-0123456789abcdef/",
        "/notebooks/%61lice-0123456789abcdef/",
        "/notebooks/alice-0123456789abcdef%2f",
        "/notebooks/alice-0123456789abcdef%00/",
        "/notebooks/alice-0123456789abcdef;x/",
        "/notebooks/alice-0123456789abcde/",
        "*",
        "/NOTEBOOKS/alice-0123456789abcdef/",
        "/notebooks/ALICE-0123456789abcdef/",
        "/notebooks/alice-0123456789abcdef%20/",
        "/notebooks/%20alice-0123456789abcdef/",
        "/notebooks/alice-0123456789abcdef./",
        "/notebooks/alice-0123456789abcdef%2e/",
        "/notebooks/alice-0123456789abcdef,bob-0123456789abcdef/",
        "/notebooks/alice-0123456789abcdef%3f/",
        "/notebooks/alice-0123456789abcdef%23/",
        "/notebooks/alice-0123456789abcdef\\",
        "/notebooks\\alice-0123456789abcdef/",
        "/notebooks/./alice-0123456789abcdef/",
        "/notebooks/*/",
        "/notebooks/.*/",
        "/notebooks/alice-0123456789abcdef\u00a0/",
        "/healthz/../notebooks/alice-0123456789abcdef/",
    ],
)
def test_a_route_is_reached_by_its_plain_address_alone(gateway, backend, prefix, target):
    line = f"GET {target.format(prefix=prefix)} HTTP/1.1"
    assert send(gateway, line, "Host: x", "Connection: close")[0] in (400, 403, 404)
    assert backend.requests == []


@pytest.mark.parametrize(
    "header",
    ["Authorization: token bob", "authorization: token bob", "Authorization : token bob", "Authorization\t: token bob"],
)
def test_no_spelling_of_authorization_reaches_a_session(gateway, backend, prefix, header):
    send(gateway, f"GET {prefix}/ HTTP/1.1", "Host: x", header, "Connection: close, X-Forwarded-For")
    heard = [name.strip().lower() for seen in backend.requests for name in seen["headers"]]
    assert "authorization" not in heard
    assert all("x-forwarded-for" in map(str.lower, seen["headers"]) for seen in backend.requests)


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "h2c, websocket", "websocket2"])
def test_only_a_websocket_is_an_upgrade(gateway, backend, prefix, protocol):
    send(gateway, f"GET {prefix}/ HTTP/1.1", "Host: x", f"Upgrade: {protocol}", "Connection: Upgrade, close")
    assert "Upgrade" not in backend.requests[0]["headers"]


def test_a_name_of_another_host_picks_no_other_way(gateway, backend, prefix):
    line = f"GET http://169.254.169.254{prefix}/ HTTP/1.1"
    shown = [302] if gateway.config.session_domain else [200]  # under another name, only the way to its own
    assert send(gateway, line, "Host: 169.254.169.254", "Connection: close") == shown
    assert [seen["headers"]["Host"] for seen in backend.requests] in ([], [f"127.0.0.1:{gateway.config.port}"])


@pytest.mark.parametrize("method", ["CONNECT 169.254.169.254:80", "TRACE /", "GET http://169.254.169.254/latest"])
def test_the_gateway_is_no_proxy_to_elsewhere(gateway, method):
    assert send(gateway, f"{method} HTTP/1.1", "Host: x", "Connection: close")[0] in (400, 404, 405)


@pytest.mark.parametrize("path", ["/routes", "/health", "/activity"])
def test_the_admin_interface_is_not_on_the_public_port(gateway, path):
    assert send(gateway, f"GET {path} HTTP/1.1", "Host: gateway", "Connection: close") == [404]


def test_headers_without_end_are_cut_off(gateway, prefix):
    lines = [f"X-{n}: {'a' * 8000}" for n in range(48)]
    assert send(gateway, f"GET {prefix}/ HTTP/1.1", "Host: x", *lines)[0] in (400, 431, 494)


def test_who_sends_more_cookies_than_are_read_is_told_what_to_do(gateway):
    bomb = "; ".join(f"c{n}={'x' * 4000}" for n in range(20))
    answer = httpx.get(gateway.url, headers={"Cookie": bomb}, trust_env=False)
    assert (answer.status_code, "the cookies of this address have grown too large" in answer.text) == (400, True)
