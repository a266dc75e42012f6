"""Sessions that mean to speak past the gateway: their answers as bytes on a socket, and what a client gets of them."""

import json
import socket
import ssl

import httpx
import pytest

from blocks.gateway.certificate import self_signed
from runtime.command.report import cut_offs
from tests.fuzz.gateway_answers import Client, Fuzz, NoHttpError, hostile_session
from tests.rigs.gateways.backend import http_backend, raw_backend
from tests.rigs.gateways.gateway import GATEWAY_PORTS, NO_LIMITS, only_routes, route_to, running_gateway
from tests.rigs.pool_data import an_instance
from tests.rigs.ports import free_port
from tests.rigs.present import present

pytestmark = pytest.mark.integration

PATH = f"/notebooks/{route_to(0).id}/"
#: What no client may get to read, in no place where an answer may begin.
EVIL = b"HTTP/1.1 200 OK\r\nSet-Cookie: evil=1; Path=/\r\nContent-Length: 4\r\n\r\nevil"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
NO_HTTP = [
    b"http/1.1 200 OK\r\n\r\n",
    b"xHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/0.9 200 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 200 O\rK\r\n\r\n",
    b"\r\n",
    b"\x16\x03\x01",
]
INTERIM = [f"HTTP/1.1 {status} X\r\nLink: </x>\r\n\r\n".encode() for status in ("100", "102", "103", "199", "000")]
UNASKED = [SWITCH + b"\r\n", SWITCH + b"Upgrade: h2c\r\n\r\n", SWITCH + b"Upgrade: websocket\r\n\r\n"]
#: Browsers expect no body after 205: they ask for the next thing on this connection, and read the body as its answer.
RESET = [
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 70\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nContent-Length: 70\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n46\r\n",
    b"HTTP/1.1 205 Reset Content\r\n\r\n",
]
COMPLETE = [
    FINE,
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: evil=1\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 70\r\n\r\n",
    b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
]


@pytest.fixture(scope="module")
def gateway():
    with running_gateway() as gateway:
        yield gateway


def request(path: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", "Host: x", *headers, "", ""]).encode()


def said(gateway, answer: bytes, *requests: bytes) -> bytes:
    """All that a client gets which sends these requests at once to a session that answers so, until it is cut off."""
    with raw_backend(answer) as session, socket.create_connection(("127.0.0.1", gateway.config.port), 5) as client:
        only_routes(gateway.client, [route_to(session.port)])
        client.sendall(b"".join(requests))
        return b"".join(iter(lambda: client.recv(65536), b""))


LAST = request("/healthz", "Connection: close")


@pytest.mark.parametrize("head", NO_HTTP + INTERIM + UNASKED + RESET)
def test_an_answer_that_would_pass_as_raw_bytes_is_cut_off_before_the_first(gateway, head):
    assert said(gateway, head + EVIL, request(PATH), LAST) == b""


@pytest.mark.parametrize("head", UNASKED)
@pytest.mark.parametrize(
    "wish",
    [
        request(PATH, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQ"),
        request(PATH, "Upgrade: websocket"),
        request(PATH, "Upgrade: websocket", "Connection: keep-alive, not-upgrade"),
        request(PATH, "Upgrade: websocket", "Connection: Upgrade", method="POST"),
        request(PATH, "Upgrade: websocket", "Connection: Upgrade", version="HTTP/1.0"),
    ],
    ids=["h2c", "no Connection", "another Connection", "POST", "HTTP/1.0"],
)
def test_a_tunnel_that_no_websocket_asked_for_is_cut_off(gateway, head, wish):
    assert said(gateway, head + EVIL, wish, LAST) == b""


@pytest.mark.parametrize("head", INTERIM + UNASKED[:2])
def test_a_client_that_asks_for_a_websocket_gets_a_websocket_or_nothing(gateway, head):
    assert said(gateway, head + EVIL, request(PATH, "Upgrade: websocket", "Connection: Upgrade")) == b""


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "upgrade,keep-alive"])
def test_a_websocket_that_was_asked_for_opens(gateway, connection):
    with raw_backend(UNASKED[-1] + b"frame") as session, socket.socket() as client:
        only_routes(gateway.client, [route_to(session.port)])
        client.settimeout(5)
        client.connect(("127.0.0.1", gateway.config.port))
        client.sendall(request(PATH, "Upgrade: WebSocket", f"Connection: {connection}"))
        heard = b""
        while b"frame" not in heard:
            heard += client.recv(65536)
    assert heard.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("answer", COMPLETE)
def test_what_follows_a_complete_answer_reaches_no_client(gateway, answer, method):
    heard = said(gateway, answer + EVIL, request(PATH, method=method), request(PATH, method=method), LAST)
    assert heard.count(b"HTTP/1.1 ") == 3
    assert b"evil" not in heard
    assert heard.endswith(b"\r\n\r\nok\n")  # the gateway's own answer


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_session_of_either_version_answers_and_the_gateway_after_it(gateway, version):
    heard = said(gateway, FINE.replace(b"HTTP/1.1", version), request(PATH), LAST)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard.count(b"HTTP/1.1 200 OK") == 2


def test_a_request_of_http_0_9_gets_nothing_of_a_session(gateway):
    assert said(gateway, EVIL, f"GET {PATH}\r\n".encode()) == b""


@pytest.mark.parametrize("head", [NO_HTTP[0], INTERIM[0], RESET[0]])
def test_other_requests_of_an_http_2_connection_go_on(head, tmp_path):
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    port = free_port(GATEWAY_PORTS)
    url = f"https://127.0.0.1:{port}"
    trusting = ssl.create_default_context(cafile=str(certificate))
    with (
        raw_backend(head + EVIL) as session,
        running_gateway(port, url, certificate=certificate, certificate_key=key) as gateway,
        httpx.Client(verify=trusting, http2=True, trust_env=False) as browser,
    ):
        only_routes(gateway.client, [route_to(session.port)])
        with pytest.raises(httpx.RemoteProtocolError):
            browser.get(url + PATH)
        assert browser.get(url + "/healthz").text == "ok\n"


def test_each_cut_off_is_counted_against_its_session_until_the_session_is_over(gateway):
    gateway.client.remove_route(route_to(0).id)
    for _ in range(3):
        said(gateway, INTERIM[0] + EVIL, request(PATH))
    assert gateway.client.activity().routes[route_to(0).id].cut_off == 3
    assert cut_offs(gateway.client, [an_instance("alice-1", route=route_to(0).id), an_instance("bob-1")]) == [
        "Session alice-1 tried to speak past the gateway: 3 of its answers were cut off"
    ]
    gateway.client.remove_route(route_to(0).id)
    assert gateway.client.activity().routes == {}


def test_each_cut_off_is_a_line_of_json_that_says_why():
    with running_gateway() as gateway:
        for head in (NO_HTTP[0], INTERIM[0], RESET[0]):
            said(gateway, head + EVIL, request(PATH))
        gateway.logs_after(route_to(0).id, 3)
        lines = [json.loads(line) for line in gateway.log("gateway-access.log").splitlines()]
    assert [(line["status"], line["bytes_out"]) for line in lines] == [(502, 0)] * 3
    assert {line["error"].split()[-1] for line in lines} == {"HTTP", "one", "body"}  # each worker writes its own lines


def test_two_hundred_answers_of_the_fuzzer_cross_to_no_other_request():
    with running_gateway(**NO_LIMITS) as gateway, http_backend() as honest, hostile_session() as hostile:
        only_routes(gateway.client, [route_to(hostile.server_address[1], "hostile"), route_to(honest.port, "honest")])
        fuzz = Fuzz(gateway, hostile, "hostile", seed="1")
        for _ in range(200):
            fuzz.round()
    assert (fuzz.outcomes["answers"], fuzz.crossings) == (200, [])


@pytest.mark.parametrize("head", [INTERIM[0], NO_HTTP[0]])
def test_the_fuzzer_knows_what_is_no_answer_and_what_is_left_behind_one(head):
    with raw_backend(FINE + head + EVIL) as unguarded:
        client = Client(unguarded.port)
        client.send(request(PATH))
        assert present(client.answer("GET")).body == b"ok"
        with pytest.raises(NoHttpError):
            client.answer("GET")
        assert b"evil" in client.left()
