"""Long bodies, long heads, and clients of other kinds than a browser's: what passes, as it comes, and what it costs."""

import socket
import time

import httpx
import pytest

from pool.records import SESSION_PORTS
from tests.rigs.gateways.backend import http_backend, raw_backend
from tests.rigs.gateways.gateway import route_to, running_gateway
from tests.rigs.gateways.streams import begin_download, download, memory_mb, streaming_backend, upload, written_mb
from tests.rigs.ports import free_port

pytestmark = pytest.mark.integration

ALICE = route_to(0).id
SIZE = 256 * 1024**2
MOST_GROWTH_MB = 16


@pytest.fixture(scope="module")
def gateway():
    with running_gateway() as gateway:
        yield gateway


def say(gateway, head: str, *, until: bytes = b"") -> tuple[socket.socket, bytes]:
    """Send the head; the connection, and what was said until these bytes or the end."""
    client = socket.create_connection(("127.0.0.1", gateway.config.port), timeout=10)
    client.sendall(head.replace("\n", "\r\n").encode())
    return client, hear(client, until)


def hear(client: socket.socket, until: bytes = b"") -> bytes:
    heard = b""
    while not (until and until in heard) and (more := client.recv(65536)):
        heard += more
    return heard


@pytest.mark.parametrize("move", [upload, download])
def test_a_file_of_any_size_passes_without_growing_nginx_or_touching_the_disk(gateway, move):
    with streaming_backend() as session:
        gateway.client.add_route(route_to(session.port))
        assert move(gateway, ALICE, 16 * 1024**2) == 16 * 1024**2
        memory, written = memory_mb(gateway), written_mb(gateway)
        assert move(gateway, ALICE, SIZE) == SIZE
    assert memory_mb(gateway) < memory + MOST_GROWTH_MB
    assert written_mb(gateway) < written + 1


def test_a_client_that_does_not_read_holds_up_its_session_and_fills_no_memory(gateway):
    with streaming_backend() as session:
        gateway.client.add_route(route_to(session.port))
        memory = memory_mb(gateway)
        with begin_download(gateway, ALICE, SIZE):
            time.sleep(1)
            assert session.given < SIZE / 4  # what the sockets' buffers take
            assert memory_mb(gateway) < memory + MOST_GROWTH_MB


def test_events_and_chunks_pass_as_they_are_said(gateway):
    port = free_port(SESSION_PORTS)
    with socket.create_server(("127.0.0.1", port)) as session:
        gateway.client.add_route(route_to(port))
        client = socket.create_connection(("127.0.0.1", gateway.config.port), timeout=30)
        client.sendall(f"GET /notebooks/{ALICE}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        served = session.accept()[0]
        served.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            served.sendall(b"%x\r\n%s\r\n" % (len(event), event))
            assert event in hear(client, event)
        served.close()
        client.close()


@pytest.mark.parametrize("headers", ["", "Host: x\n", "Connection: keep-alive\n"])
def test_a_client_of_http_1_0_gets_a_body_that_it_can_read(gateway, headers):
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    with raw_backend(chunked) as session:
        gateway.client.add_route(route_to(session.port))
        client, heard = say(gateway, f"GET /notebooks/{ALICE}/ HTTP/1.0\n{headers}\n")
        client.close()
    assert heard.endswith(b"\r\n\r\nok")
    assert b"chunked" not in heard


def test_who_expects_to_be_told_to_go_on_is_told_and_the_session_is_not_asked(gateway):
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        head = f"PUT /notebooks/{ALICE}/f HTTP/1.1\nHost: x\nContent-Length: 4\nExpect: 100-continue\n\n"
        client, heard = say(gateway, head, until=b"\r\n\r\n")
        assert heard == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert b"200 OK" in hear(client, b'"size": 4')
        client.close()
    assert "Expect" not in session.requests[0]["headers"]


def test_who_expects_to_be_told_to_go_on_with_too_much_is_refused_at_once(gateway):
    gateway.client.add_route(route_to(free_port(SESSION_PORTS), max_upload_mb=1))
    head = f"PUT /notebooks/{ALICE}/f HTTP/1.1\nHost: x\nContent-Length: 9999999\nExpect: 100-continue\n\n"
    client, heard = say(gateway, head, until=b"\r\n\r\n")
    client.close()
    assert heard.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("cookies", [[60_000], [4000] * 15, [15_000] * 4])
def test_headers_of_64_kb_reach_the_session(gateway, cookies):
    with http_backend() as session:
        gateway.client.add_route(route_to(session.port))
        headers = [("Cookie", f"c{n}={'x' * size}") for n, size in enumerate(cookies)]
        heard = httpx.get(gateway.address(ALICE), headers=headers, trust_env=False).json()["headers"]["Cookie"]
    assert heard.count("x") == sum(cookies)


@pytest.mark.parametrize("sizes", [[5000], [64_000], [4000] * 16])
def test_headers_of_64_kb_come_back(gateway, sizes):
    long = b"".join(b"X-Long-%d: %s\r\n" % (n, b"x" * size) for n, size in enumerate(sizes))
    with raw_backend(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + long + b"\r\nok") as session:
        gateway.client.add_route(route_to(session.port))
        client, heard = say(gateway, f"GET /notebooks/{ALICE}/ HTTP/1.1\nHost: x\nConnection: close\n\n")
        client.close()
    assert heard.endswith(b"ok")
    assert heard.count(b"x" * 1000) == sum(size // 1000 for size in sizes)
