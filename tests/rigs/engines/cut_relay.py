"""A relay on loopback that passes bytes on to an address, and cuts a connection after so many of them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutRelay:
    """`cut_after` counts the bytes that a client sends in one connection; None lets all pass."""

    def __init__(self, target: tuple[str, int]):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut_after: int | None = None
        self.cuts = 0

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for one, other, counted in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(one, other, counted), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(1 << 16):
                passed += len(data)
                if counted and self.cut_after is not None and passed > self.cut_after:
                    self.cuts += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_relay(target: tuple[str, int]) -> Iterator[CutRelay]:
    relay = CutRelay(target)
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
