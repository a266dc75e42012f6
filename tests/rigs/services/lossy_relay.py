"""A relay on loopback to PostgreSQL's socket that loses a connection at a COMMIT: before it, or with its answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

COMMIT = b"COMMIT\0"


class Loss(Enum):
    """What the next COMMIT meets."""

    NONE = "nothing is lost"
    COMMIT = "it never reaches the server"
    ANSWER = "the server commits, and its answer is lost"


class LossyRelay:
    """`loses` is what the next COMMIT that passes meets; `lost` counts those that met something."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.loses, self.lost = Loss.NONE, 0

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                loss = self._take_loss() if COMMIT in data else Loss.NONE
                if loss is not Loss.NONE:
                    _end(client)
                if loss is not Loss.COMMIT:
                    server.sendall(data)
                if loss is not Loss.NONE:
                    break
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        for end in (client, server):
            _end(end)

    def _take_loss(self) -> Loss:
        loss, self.loses = self.loses, Loss.NONE
        self.lost += loss is not Loss.NONE
        return loss


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def lossy_relay(target: Path) -> Iterator[LossyRelay]:
    relay = LossyRelay(target)
    threading.Thread(target=relay.serve, daemon=True).start()
    try:
        yield relay
    finally:
        relay.close()
