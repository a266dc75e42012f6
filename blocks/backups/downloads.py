"""Backups handed out by links that work once: the first to use a link is given the stream, through the gateway.

Nothing is written to a disk. What waits behind a link is a socket that the gateway's workers alone may connect to; its
name is the digest of the link's secret. The name is no secret: every account reads those of all sockets in
``/proc/net/unix``.
"""

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

from pool.errors import DockerDriverError, Refused
from pool.printable import how_many

SECRET_BYTES = 32
SILENT_SECONDS = 900  # that the other end may take nothing, as when a user pauses a download
LONGEST_SECONDS = 12 * 3600  # that a link is offered; a socket that is older is of a process that died

#: A user's files are of no origin and of no type but this one, and not to be kept on the way.
HEADERS = {
    "Content-Type": "application/x-tar",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


class BrokenOff(DockerDriverError):  # noqa: N818 - as in pool/errors.py
    """A download began and did not come to its end; its link is used up."""


def socket_name(secret: str) -> str:
    """Name the socket behind a link: half a digest, for a socket's whole path may have 107 bytes."""
    return f"{hashlib.sha256(secret.encode()).hexdigest()[:32]}.sock"


class Downloads:
    """The folder of the sockets behind links.

    Args:
        folder: is made if it is not there.
        gateway: account of the gateway's workers (``DD_GATEWAY_USER``).
        beside: whether the one gateway that browsers come to is on this machine.
    """

    def __init__(self, folder: Path, gateway: str, beside: bool = True) -> None:
        self._folder, self._gateway, self._beside = folder, gateway, beside

    @contextmanager
    def offered(self) -> Iterator["Offer"]:
        """Open a link, and close it at the end, used or not.

        Raises:
            Refused: a browser may come to a gateway of another machine, which reaches no socket of this one.
        """
        if not self._beside:
            raise Refused(
                "a backup is downloaded through a gateway that is alone and on the manager's own machine, and here"
                " gateways are elsewhere: `restore-files` puts its files into a running session"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # else it was made for us
            self._folder.chmod(0o711)  # the gateway's workers, of another account, reach what they know the name of
        self._forget_those_of_dead_processes()
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with _Listener(self._folder / socket_name(secret), self._gateway) as listener:
            yield Offer(secret, listener)

    def _forget_those_of_dead_processes(self) -> None:
        for socket in self._folder.glob("*.sock"):
            with suppress(FileNotFoundError):
                if time.time() - socket.lstat().st_mtime > LONGEST_SECONDS + SILENT_SECONDS:
                    socket.unlink()


class Offer:
    """One link."""

    def __init__(self, secret: str, listener: "_Listener") -> None:
        self.secret = secret
        self._listener = listener

    def hand_out(self, name: str, size: int, content: Callable[[], Iterator[bytes]], seconds: float) -> bool:
        """Wait until the link is used, and give the content by it; whether that was so.

        The link is used up with the first byte: where there is none, as the repository is away, it stays good.

        Args:
            name: of the file, for the browser.
            size: bytes.
            content: makes the stream; called for each try.
            seconds: that the link is good.

        Raises:
            BrokenOff: not all of it was given.
        """
        listener, ends = self._listener, time.monotonic() + min(seconds, LONGEST_SECONDS)
        listener.what = (name, size, content)
        while not listener.used and (left := ends - time.monotonic()) > 0:
            listener.timeout = left
            listener.handle_request()
        if listener.broken:
            far = f"{listener.sent} of {how_many(size, 'byte')}"
            raise BrokenOff(f"the download of {name} broke off after {far}: {listener.broken}; ask for another link")
        return listener.used


class _Listener(UnixStreamServer):
    """Answers one request after the other, until one has used the link up."""

    request_queue_size = 8

    def __init__(self, path: Path, gateway: str) -> None:
        self._path, self.used, self.broken, self.sent = path, False, "", 0
        self.what: tuple[str, int, Callable[[], Iterator[bytes]]] = ("", 0, lambda: iter(()))
        super().__init__(str(path), _Handler)
        if os.geteuid():  # the folder has given it the gateway's group (runtime/supervision/account.py)
            path.chmod(0o660)
        else:
            path.chmod(0o600)
            shutil.chown(path, gateway)

    def use_up(self) -> None:
        """Take no other request: what waits already gets no answer."""
        self.used = True
        self.server_close()

    def server_close(self) -> None:
        """Close the socket, and take its name away; again is harmless."""
        self._path.unlink(missing_ok=True)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request, which the gateway sends when a person presses the button."""

    server: _Listener
    timeout = SILENT_SECONDS
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Give the content, the last of it once it is known to be whole: what breaks off is shorter than it said."""
        name, size, content = self.server.what
        self.close_connection = True
        with closing(_one_behind(content())) as chunks:  # type: ignore[type-var]  # a generator
            try:
                first = next(chunks, b"")
            except DockerDriverError as error:
                self.send_error(503, explain=str(error)[:100])
                return
            self.server.use_up()
            self._begin(name, size)
            try:
                self._send(first)
                for chunk in chunks:
                    self._send(chunk)
            except (OSError, DockerDriverError) as error:
                self.server.broken = str(error) or type(error).__name__

    def _begin(self, name: str, size: int) -> None:
        self.send_response(200)
        told = {"Content-Length": str(size), "Content-Disposition": f'attachment; filename="{name}"'}
        for header, value in (HEADERS | told).items():
            self.send_header(header, value)
        self.end_headers()

    def _send(self, chunk: bytes) -> None:
        self.wfile.write(chunk)
        self.server.sent += len(chunk)

    def log_message(self, *_: object) -> None:
        """Say nothing: the run does."""


def _one_behind(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass each chunk on when the next one is there, and the last when the stream has ended well."""
    with closing(chunks):  # type: ignore[type-var]  # a generator
        last = next(chunks, b"")
        for chunk in chunks:
            yield last
            last = chunk
        yield last
