"""Requests whose length two programs might see in two ways: of what is left over, no session sees a request."""

import contextlib
import socket

import pytest

from tests.rigs.gateways.gateway import only_routes, route_to

pytestmark = pytest.mark.integration

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
ENDED = b"0\r\n\r\n" + SMUGGLED
SILENT_SECONDS = 0.5  # a gateway that waits for more has said all it will

CODINGS = (
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: chunked\t",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: chunked\x00",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked;q=1",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunk",
    b"Transfer-Encoding: ",
    b"Transfer-Encoding\t: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\r\n Transfer-Encoding: chunked",
    b"X: y\r\n\tTransfer-Encoding: chunked",
    b": x\r\nTransfer-Encoding: chunked",
    b"Connection: Content-Length",
    b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
)
LENGTHS = (
    b"-1",
    b"-0",
    b"0x5",
    b"5.0",
    b"5e0",
    b"5 5",
    b"5, 5",
    b"5, 50",
    b"5\t",
    b"\x0b5",
    b"5\x00",
    b"",
    b"\xd9\xa5",
    b"18446744073709551621",
    b"9223372036854775808",
    b"99999999999999999999999",
    b"5\r\nContent-Length: 5",
    b"5\r\nContent-Length: 0",
    b"0\r\nContent-Length: 50",
    b"5\r\nContent_Length: 50",
    b"5\nContent-Length: 50",
    b"5\r\n 0",
)
CHUNKS = (
    b"0x0\r\n\r\n" + SMUGGLED,
    b"+0\r\n\r\n" + SMUGGLED,
    b"-1\r\n\r\n" + SMUGGLED,
    b"0;\r\n\r\n" + SMUGGLED,
    b"0 ; a=b\r\n\r\n" + SMUGGLED,
    b"0\n\n" + SMUGGLED,
    b"0\r\r\n" + SMUGGLED,
    b"ffffffffffffffff\r\n" + SMUGGLED,
    b"10000000000000000\r\n\r\n" + SMUGGLED,
    b"1\r\naX0\r\n\r\n" + SMUGGLED,
    b"0\r\nContent-Length: 99\r\n\r\n" + SMUGGLED,
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    b"\r\n0\r\n\r\n" + SMUGGLED,
)


@pytest.fixture
def prefix(gateway, backend):
    only_routes(gateway.client, [route_to(backend.port)])
    backend.requests.clear()
    return f"/notebooks/{route_to(0).id}"


def paths_seen(gateway, backend, prefix: str, head: bytes, body: bytes) -> list[str]:
    """Send these bytes, take what comes, and give the paths that the session saw."""
    host = gateway.host(route_to(0).id)
    begin = f"POST {prefix}/ HTTP/1.1\r\nHost: {host}\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.config.port), SILENT_SECONDS) as connection:
        connection.sendall(begin + head + b"\r\n\r\n" + body)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while connection.recv(65536):
                pass
    return [seen["path"] for seen in backend.requests]


@pytest.mark.parametrize("coding", CODINGS)
def test_no_spelling_of_a_coding_hides_a_second_request(gateway, backend, prefix, coding):
    for head in (b"Content-Length: 5\r\n" + coding, coding + b"\r\nContent-Length: %d" % len(ENDED)):
        assert set(paths_seen(gateway, backend, prefix, head, ENDED)) <= {f"{prefix}/"}


@pytest.mark.parametrize("length", LENGTHS)
def test_no_spelling_of_a_length_hides_a_second_request(gateway, backend, prefix, length):
    seen = paths_seen(gateway, backend, prefix, b"Content-Length: " + length, b"a=b&c" + SMUGGLED)
    assert set(seen) <= {f"{prefix}/"}


@pytest.mark.parametrize("chunks", CHUNKS)
def test_no_form_of_a_chunk_hides_a_second_request(gateway, backend, prefix, chunks):
    seen = paths_seen(gateway, backend, prefix, b"Transfer-Encoding: chunked", chunks)
    assert set(seen) <= {f"{prefix}/"}


def test_the_session_would_see_what_a_gateway_left_over(backend):
    """So it is seen where it reaches a session."""
    backend.requests.clear()
    with socket.create_connection(("127.0.0.1", backend.port), SILENT_SECONDS) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n" + ENDED)
        with contextlib.suppress(TimeoutError):
            while connection.recv(65536):
                pass
    assert [seen["path"] for seen in backend.requests] == ["/", "/smuggled"]
