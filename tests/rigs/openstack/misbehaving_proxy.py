"""A proxy before one API, which passes everything on until it is told to misbehave."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.rigs.openstack.configuration import HOST, PORTS, url


class Trouble(Enum):
    """What the proxy does in place of answering."""

    UNAVAILABLE = "answer 503"
    DROP = "close the connection, and the service never hears of it"
    DROP_ANSWER = "pass it on, and close the connection before the answer"


class MisbehavingProxy:
    """A proxy on a free port of loopback; use it as a context manager."""

    def __init__(self, service: str):
        self.server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self.server.daemon_threads = True
        self.upstream = (HOST, PORTS[service])
        self.url = url(service).replace(str(PORTS[service]), str(self.server.server_port))
        self.requests: list[str] = []  # as "GET /v2.1/servers/detail", without the query
        self.troubles: deque[tuple[str, Trouble]] = deque()

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @contextmanager
    def misbehaving(self, request: str, *troubles: Trouble) -> Iterator[None]:
        """Meet the next requests that begin so, as "POST /v2.1/servers", with these troubles, one after the other."""
        self.troubles.extend((request, trouble) for trouble in troubles)
        yield
        assert not self.troubles, f"never asked for: {self.troubles}"

    def trouble_for(self, request: str) -> Trouble | None:
        """Write the request down, and say what is to go wrong with it."""
        self.requests.append(request)
        if self.troubles and request.startswith(self.troubles[0][0]):
            return self.troubles.popleft()[1]
        return None


def _handler(proxy: MisbehavingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            trouble = proxy.trouble_for(f"{self.command} {self.path.split('?')[0]}")
            self.close_connection = True
            if trouble is Trouble.UNAVAILABLE:
                self._send(503, b"no server is available", [])
            elif trouble is not Trouble.DROP:
                status, headers, content = self._passed_on(body)
                if trouble is not Trouble.DROP_ANSWER:
                    self._send(status, content, headers)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 - the base class looks for these

        def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = HTTPConnection(*proxy.upstream, timeout=120)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            told = (response.status, response.getheaders(), response.read())
            connection.close()
            return told

        def _send(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
