"""What a hostile session says, and what a client asks it: bytes made of a random source, the same for the same seed."""

import random

#: Stands in each hostile answer, wherever a second one may begin.
EVIL = b"EVIL"
STATUS_LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 205 Reset Content",
    b"HTTP/1.1 206 Partial Content",
    b"HTTP/1.1 302 Found",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 401 Unauthorized",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 407 Proxy Authentication Required",
    b"HTTP/1.1 408 Request Timeout",
    b"HTTP/1.1 426 Upgrade Required",
    b"HTTP/1.1 444 X",
    b"HTTP/1.1 494 X",
    b"HTTP/1.1 499 X",
    b"HTTP/1.1 500 Internal Server Error",
    b"HTTP/1.1 502 X",
    b"HTTP/1.1 999 X",
    b"HTTP/1.1 000 X",
    b"HTTP/1.1 200",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1 20 OK",
    b"HTTP/1.1 2000 OK",
    b"HTTP/1.1 -200 OK",
    b"HTTP/1.2 200 OK",
    b"HTTP/2 200",
    b"HTTP/0.9 200 OK",
    b"HTTP/11 200 OK",
    b"http/1.1 200 OK",
    b"xHTTP/1.1 200 OK",
    b" HTTP/1.1 200 OK",
    b"ICY 200 OK",
    b"",
]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket"
INTERIM = [b"HTTP/1.1 %s X" % status for status in (b"100", b"101", b"102", b"103", b"150", b"199")]
LENGTHS = [b"0", b"2", b"4", b"70", b"+4", b"-1", b"4, 4", b"0x4", b"", b"99999999999999999999", b"4\x0b", b" 4 "]
ENCODINGS = [b"chunked", b"Chunked", b"xchunked", b"chunked, identity", b"gzip, chunked", b"identity", b"chunked\t"]
HEADERS = [
    b"Connection: keep-alive",
    b"Connection: close",
    b"Connection: upgrade",
    b"Keep-Alive: timeout=99",
    b"Upgrade: websocket",
    b"Upgrade: h2c",
    b"Trailer: Set-Cookie",
    b"Set-Cookie: a=EVIL; Path=/",
    b"Set-Cookie: a=EVIL; Path=/; Domain=127.0.0.1",
    b"Set-Cookie: dd-session=EVIL; Path=/",
    b"Set-Cookie: a=EVIL;\tPath=/;path = /x ; Path=",
    b"Location: /",
    b"Refresh: 0; url=/",
    b"X-Accel-Redirect: /healthz",
    b"X-Accel-Redirect: @trouble",
    b"X-Accel-Buffering: yes",
    b"X-Accel-Limit-Rate: 1",
    b"X-Accel-Expires: 99",
    b"X-Accel-Charset: utf-7",
    b"Service-Worker-Allowed: /",
    b"service-worker-allowed: /",
    b"Clear-Site-Data: *",
    b"NEL: {}",
    b"Report-To: {}",
    b"Strict-Transport-Security: max-age=1",
    b"Content-Encoding: gzip",
    b"Content-Range: bytes 0-1/4",
    b"Content-Type: multipart/byteranges; boundary=x",
    b"Sec-WebSocket-Accept: x",
    b"Vary: *",
    b"X: " + b"a" * 3000,
    b"X: " + b"a" * 9000,
    b"X : y",
    b" X: y",
    b"X\x00: y",
    b"X: y\x00z",
    b"X: y\rSet-Cookie: a=EVIL; Path=/",
    b": y",
    b"no colon",
]
ENDS = [b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n"]
SECOND = b"HTTP/1.1 200 OK\r\nSet-Cookie: evil=EVIL; Path=/\r\nContent-Length: 4\r\n\r\nEVIL"
SIZES = [b"4", b"4;x=y", b"04", b"2", b"-4", b"4 ", b"x", b"", b"f" * 17, b"80000000000000004", b"ffffffff"]
CHUNKS = [size + b"\r\nEVIL\r\n" for size in SIZES] + [b"4\nEVIL\n", b"\r\n"]
TRAILERS = [b"", b"Set-Cookie: a=EVIL; Path=/\r\n", b"X: y\r\nZ", b"Content-Length: 4\r\n"]
LAST_CHUNKS = [size + b"\r\n" + trailer + b"\r\n" for size in (b"0", b"000", b"0;x") for trailer in TRAILERS]
LAST_CHUNKS += [b"0\n\n", b""]
WISHES = [
    ("GET", "1.1", ()),
    ("GET", "1.1", ("Range: bytes=0-1",)),
    ("HEAD", "1.1", ()),
    ("POST", "1.1", ("Content-Length: 0",)),
    ("POST", "1.1", ("Content-Length: 4", "", "body")),
    ("POST", "1.1", ("Content-Length: 0", "Expect: 100-continue")),
    ("OPTIONS", "1.1", ()),
    *[("GET", "1.1", ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"))] * 3,
    ("GET", "1.1", ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQ")),
    ("GET", "1.1", ("Upgrade: websocket",)),
    ("GET", "1.1", ("TE: trailers",)),
]


def wish(source: random.Random, path: str) -> tuple[str, bytes]:
    """Return a request's method and its bytes."""
    method, version, lines = source.choice(WISHES)
    head, _, body = "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *lines]).partition("\r\n\r\n")
    return method, f"{head}\r\n\r\n{body}".encode()


def hostile_answer(source: random.Random) -> bytes:
    """Return one answer, or what a session would have taken for one, with a second one behind it."""
    answer = b"".join(_head(source, INTERIM) for _ in range(source.choice([0, 0, 0, 1, 2, 3])))
    answer += _head(source, source.choice([STATUS_LINES] * 6 + [STATUS_LINES[:1]] * 3 + [[SWITCH]])) + _body(source)
    answer += SECOND * source.choice([0, 1, 1, 2])
    return _damaged(source, answer)


def _head(source: random.Random, status_lines: list[bytes]) -> bytes:
    lines = [source.choice(status_lines), *source.sample(HEADERS, source.choice([0, 0, 1, 2, 4]))]
    lines += [b"Content-Length: " + source.choice(LENGTHS) for _ in range(source.choice([0, 1, 1, 2]))]
    lines += [b"Transfer-Encoding: " + source.choice(ENCODINGS) for _ in range(source.choice([0, 0, 1, 2]))]
    first, *others = lines
    source.shuffle(others)
    return b"".join(line + source.choice(ENDS) for line in (first, *others)) + source.choice(ENDS)


def _body(source: random.Random) -> bytes:
    chunked = b"".join(source.choices(CHUNKS, k=source.choice([0, 1, 2]))) + source.choice(LAST_CHUNKS)
    return source.choice([b"", b"EVIL", chunked, b"\x16\x03\x01EVIL"])


def _damaged(source: random.Random, answer: bytes) -> bytes:
    data = bytearray(answer)
    for _ in range(source.choice([0, 0, 0, 1, 3])):
        data[source.randrange(len(data) + 1) : 0] = source.randbytes(source.randrange(1, 8))
    return bytes(data[: source.randrange(len(data) + 1)]) if source.random() < 0.15 else bytes(data)
