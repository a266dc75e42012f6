"""How fast a network is: ``rate.py download ADDRESS MB`` or ``upload`` says Mbit per second, of a ``rate.py serve``."""

import socket
import sys
import threading
import time

PORT, PIECE = 9000, 1 << 16


def serve() -> None:
    """Answer each connection in a thread of its own."""
    with socket.create_server(("", PORT)) as listening:
        while True:
            threading.Thread(target=answer, args=listening.accept()[:1], daemon=True).start()


def answer(connection: socket.socket) -> None:
    """Give as many megabytes as are asked for; or, of none, take all that comes and say so once it is here."""
    with connection:
        wanted = int.from_bytes(connection.recv(1)) * 1_000_000
        connection.sendall(bytes(wanted)) if wanted else take(connection)
        connection.sendall(b"!")


def take(connection: socket.socket) -> int:
    """Read to the end; how many bytes there were."""
    return sum(len(piece) for piece in iter(lambda: connection.recv(PIECE), b""))


def transfer(direction: str, address: str, megabytes: int) -> float:
    """Move so many megabytes, and return the megabits per second, from the connection to the last byte over there."""
    begun = time.monotonic()
    with socket.create_connection((address, PORT)) as connection:
        if direction == "upload":
            connection.sendall(bytes(1 + megabytes * 1_000_000))
            connection.shutdown(socket.SHUT_WR)
        else:
            connection.sendall(bytes([megabytes]))
        received = take(connection)
    assert received == 1 + (direction == "download") * megabytes * 1_000_000
    return megabytes * 8 / (time.monotonic() - begun)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    print(transfer(sys.argv[1], sys.argv[2], int(sys.argv[3])))
