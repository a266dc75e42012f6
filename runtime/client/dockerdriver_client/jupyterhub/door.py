"""The door: where the Hub's proxy finds every server of this spawner.

It shows nothing and lets no one in. It sends browsers on to the Hub's own page for it (`handlers.py`), which knows its
users. So no program of a user answers under the Hub's name, and no secret of the Hub is where such a program runs.
"""

import re
from contextlib import suppress
from urllib.parse import urlsplit

import jupyterhub
from tornado import web
from tornado.httpserver import HTTPServer

#: Below the Hub's own prefix.
PAGES = "dockerdriver/"
_NO_API = "this server is a session of DockerDriver, and no API of it is to be had here: open it in a browser"


class DoorError(Exception):
    """The door cannot be opened; the message says why, and which setting to change."""


class _SendOn(web.RequestHandler):
    """Send a browser from /user/ada/… to the Hub's page that opens the session of ada."""

    def initialize(self, base_path: str, hub: str) -> None:
        self._base_path, self._hub = base_path, hub

    def set_default_headers(self) -> None:
        self.set_header("X-JupyterHub-Version", jupyterhub.__version__)  # the Hub compares it with its own
        self.set_header("Cache-Control", "no-store")

    def get(self) -> None:
        """Name the Hub's page for the same path."""
        self.redirect(f"{self._hub}{PAGES}{(self.request.uri or '').removeprefix(self._base_path)}")

    head = get

    def refuse(self) -> None:
        """Say that this is not the server itself."""
        self.set_status(405)
        self.finish({"message": _NO_API})

    post = put = patch = delete = refuse


_open: dict[tuple[str, int], HTTPServer] = {}


def open_door(url: str, address: str, hub_path: str, hub_url: str) -> None:
    """Listen where the Hub's proxy will send requests; once in a process, however often it is asked for.

    Args:
        url: by which the proxy reaches it: "http://127.0.0.1:8083".
        address: to listen on; empty: the one in the URL.
        hub_path: the Hub's prefix: "/hub/".
        hub_url: the Hub as browsers know it, where its users' servers have other names; empty: the same name.

    Raises:
        DoorError: the URL is none, or its port is another's.
    """
    parts = urlsplit(url)
    with suppress(ValueError):  # a port that is no number
        if parts.scheme == "http" and parts.hostname and parts.port:
            where = (address or parts.hostname, parts.port)
            if where not in _open:
                _open[where] = _listen(where, hub_path, hub_url or hub_path)
            return
    raise DoorError(f"c.DockerDriverSpawner.door_url {url!r} is not of the form http://address:port")


def close_doors() -> None:
    """Listen no more."""
    for server in _open.values():
        server.stop()
    _open.clear()


def _listen(where: tuple[str, int], hub_path: str, hub: str) -> HTTPServer:
    address, port = where
    base_path = hub_path.removesuffix("hub/")
    said = {"base_path": base_path, "hub": hub}
    server = HTTPServer(web.Application([(rf"{re.escape(base_path)}user/.*", _SendOn, said)]))
    try:
        server.listen(port, address)
    except OSError as error:
        said_by_system = error.strerror or error
        raise DoorError(
            f"the door of DockerDriver's servers cannot listen on {address}:{port} ({said_by_system}):"
            " set c.DockerDriverSpawner.door_url to a port that is free"
        ) from None
    return server
