"""A small session: HTTP and websockets on one loopback port, and it remembers what reached it."""

import contextlib
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from pool.records import SESSION_PORTS
from tests.rigs.ports import free_port


class Backend:
    """What a test asks of a session: its port, the requests it saw, the connections they came on."""

    def __init__(self, port: int):
        self.port = port
        self.requests: list[dict] = []
        self.connections: set[int] = set()


class _Session(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for the first one's ACK

    def _answer(self) -> None:
        size = sum(map(len, self._body()))
        seen = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "size": size}
        self.server.backend.requests.append(seen)
        self.server.backend.connections.add(self.client_address[1])
        text = json.dumps(seen).encode()
        self.send_response(HTTPStatus.FOUND if "/go/" in self.path else HTTPStatus.OK)
        for name, value in self._extra_headers():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _extra_headers(self) -> list[tuple[str, str]]:
        """A path that holds "/set/NAME:VALUE" asks for that header; "/go/WHERE" for a redirect ("~" stands for "/").

        So does a header "Say: NAME:VALUE", for what no path can hold.
        """
        if said := self.headers.get("Say"):
            return [_header(said)]
        for marker in ("/go/", "/set/"):
            if marker in self.path:
                what = self.path.partition(marker)[2].replace("~", "/").replace("%20", " ")
                return [("Location", what)] if marker == "/go/" else [_header(what)]
        return []

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


def _header(text: str) -> tuple[str, str]:
    name, value = text.split(":", 1)
    return name, value


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    backend: Backend

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a visitor who has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def http_backend(port: int | None = None) -> Iterator[Backend]:
    """An HTTP/1.1 session that keeps connections alive and answers with what it was asked."""
    with _Server(("127.0.0.1", port or free_port(SESSION_PORTS)), _Session) as server:
        server.backend = Backend(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.backend
        finally:
            server.shutdown()
            thread.join()


def _echo(websocket: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for frame in websocket:
            websocket.send(frame)


@contextlib.contextmanager
def websocket_backend(port: int | None = None) -> Iterator[Backend]:
    """A session that sends every frame back."""
    with serve(_echo, "127.0.0.1", port or free_port(SESSION_PORTS), compression=None) as server:
        backend = Backend(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield backend
        finally:
            server.shutdown()
            thread.join()


class _RawSession(socketserver.BaseRequestHandler):
    server: "_RawServer"

    def handle(self) -> None:
        self.request.settimeout(10)
        heard = b""
        with contextlib.suppress(OSError):
            while more := self.request.recv(65536):
                heard += more
                while b"\r\n\r\n" in heard:
                    head, _, heard = heard.partition(b"\r\n\r\n")
                    self.server.backend.requests.append({"head": head.decode("latin-1")})
                    self.request.sendall(self.server.answer)
                    if self.server.hangs_up:
                        return


class _RawServer(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True
    backend: Backend
    answer: bytes
    hangs_up: bool


@contextlib.contextmanager
def raw_backend(answer: bytes, *, hangs_up: bool = False) -> Iterator[Backend]:
    """A session that answers every head of a request with these bytes; keeps the connection unless it *hangs_up*."""
    with _RawServer(("127.0.0.1", free_port(SESSION_PORTS)), _RawSession) as server:
        server.backend, server.answer, server.hangs_up = Backend(server.server_address[1]), answer, hangs_up
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.backend
        finally:
            server.shutdown()
            thread.join()
