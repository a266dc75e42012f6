"""Bodies of any size through the gateway, up or down, and what they cost nginx in memory and on the disk."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pool.records import SESSION_PORTS
from tests.rigs.gateways.gateway import RunningGateway
from tests.rigs.ports import free_port

PIECE = bytes(1024 * 1024)
LINE = b"\r\n"


class _Streaming(socketserver.BaseRequestHandler):
    """Takes a PUT whole and says how long it was; answers "GET …/<bytes>" with so many, in chunks."""

    server: "StreamingServer"

    def handle(self) -> None:
        self.request.settimeout(60)
        with contextlib.suppress(OSError), self.request.makefile("rb") as said:
            while line := said.readline():
                method, target, _ = line.decode().split()
                headers = dict(_header(line) for line in iter(said.readline, LINE))
                self._take(said, int(headers["content-length"])) if method == "PUT" else self._give(target)

    def _take(self, said: IO[bytes], length: int) -> None:
        taken = 0
        while taken < length:
            taken += len(said.read(min(len(PIECE), length - taken)))
        text = str(taken).encode()
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    def _give(self, target: str) -> None:
        self.request.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(target.rpartition("/")[2]) // len(PIECE)):
            self.request.sendall(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
            self.server.given += len(PIECE)
        self.request.sendall(b"0\r\n\r\n")


def _header(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode().partition(":")
    return name.lower(), value.strip()


class StreamingServer(socketserver.ThreadingTCPServer):
    """A session of bodies; *given*: bytes of them that it got rid of so far."""

    daemon_threads, allow_reuse_address = True, True
    given = 0

    @property
    def port(self) -> int:
        return self.server_address[1]


@contextlib.contextmanager
def streaming_backend() -> Iterator[StreamingServer]:
    with StreamingServer(("127.0.0.1", free_port(SESSION_PORTS)), _Streaming) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def upload(gateway: RunningGateway, route_id: str, size: int) -> int:
    """Send so many bytes; what the session says that it got."""
    head = (
        f"PUT /notebooks/{route_id}/file HTTP/1.1\r\nHost: {gateway.host(route_id)}\r\nContent-Length: {size}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.config.port), timeout=60) as client:
        client.sendall(head.encode())
        for _ in range(size // len(PIECE)):
            client.sendall(PIECE)
        return int(client.recv(65536).rpartition(b"\r\n")[2])


def begin_download(gateway: RunningGateway, route_id: str, size: int) -> socket.socket:
    """Ask for so many bytes and read none."""
    client = socket.create_connection(("127.0.0.1", gateway.config.port), timeout=60)
    client.sendall(f"GET /notebooks/{route_id}/{size} HTTP/1.0\r\nHost: {gateway.host(route_id)}\r\n\r\n".encode())
    return client


def download(gateway: RunningGateway, route_id: str, size: int) -> int:
    """How many bytes of the body came, to a client of HTTP/1.0: they end with the connection."""
    with begin_download(gateway, route_id, size) as client:
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
        assert b" 200 " in head
        return len(body) + sum(map(len, iter(lambda: client.recv(len(PIECE)), b"")))


def memory_mb(gateway: RunningGateway) -> float:
    """What nginx's workers hold in memory, together."""
    return sum(_field(pid, "status", "VmRSS:") for pid in gateway.workers()) / 1024


def written_mb(gateway: RunningGateway) -> float:
    """What nginx's workers have written to files so far."""
    return sum(_field(pid, "io", "write_bytes:") for pid in gateway.workers()) / 1024**2


def _field(pid: int, file: str, name: str) -> int:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
