"""The Hub's pages for its servers on DockerDriver, below /hub/dockerdriver/: open one, read its log.

They are the Hub's own handlers, so the Hub says who asks, and whether they may (`access:servers`, shared ones too).
"""

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from .door import PAGES
from .spawner import DockerDriverSpawner, ServerError


class _Page(BaseHandler):
    """What both pages know."""

    def server_at(self, user_name: str, path: str) -> DockerDriverSpawner | None:
        """Return the server that a path below /user/ is of; None: it is none of DockerDriver's, or not there.

        Raises:
            HTTPError: 404, also for what this user may not have.
        """
        user = self.find_user(user_name)
        server = self._server_name(user, path)
        if user is None or not self.has_scope(f"access:servers!server={user_name}/{server}"):
            raise web.HTTPError(404, "No access to resources or resources not found")
        spawner = user.spawners.get(server)
        return spawner if isinstance(spawner, DockerDriverSpawner) and spawner.ready else None

    def _server_name(self, user: Any, path: str) -> str:
        """Return the named server that the path begins with, as the Hub itself reads it."""
        first = path.strip("/").partition("/")[0]
        return first if user and self.allow_named_servers and first in user.orm_user.orm_spawners else ""

    def back_to_the_hub(self) -> None:
        """Go where the Hub says that the server does not run, and offers to start it."""
        rest = (self.request.uri or "").partition(PAGES)[2].partition("/")[2]
        self.redirect(f"{self.hub.base_url}user/{rest}")


class OpenServer(_Page):
    """Send the browser to the session, by a link that works once."""

    @web.authenticated
    async def get(self, user_name: str, path: str | None) -> None:
        """Send it to the session; or to the Hub's page, where it is over."""
        if self.request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
            raise web.HTTPError(403, "A server is opened in a tab of its own")
        spawner = self.server_at(user_name, path or "")
        if spawner is None:
            return self.back_to_the_hub()
        try:
            link = await spawner.launch_url(self._place(spawner.name))
        except ServerError:
            if await spawner.poll_and_notify() is None:  # it lives, and DockerDriver does not answer
                raise
            return self.back_to_the_hub()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        return self.redirect(link, status=303)

    def _place(self, server_name: str) -> str:
        """Return the place in the session that was asked for, as it stands in the address; empty: none."""
        rest = (self.request.uri or "").partition(f"{PAGES}user/")[2].partition("/")[2]
        if server_name:
            rest = rest.partition("/")[2]
        return "" if rest.startswith("?") else rest


class ServerLog(_Page):
    """Show the last lines that a server's program wrote."""

    @web.authenticated
    async def get(self, user_name: str, path: str | None) -> None:
        """Show them as text."""
        spawner = self.server_at(user_name, path or "")
        if spawner is None:
            raise web.HTTPError(404, "This server does not run")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish("\n".join([*await spawner.last_lines(), ""]))


_OF_A_USER = r"(?P<user_name>[^/]+)(?P<path>/.*)?"

#: For `c.JupyterHub.extra_handlers`.
handlers = [
    (rf"/{PAGES}user/{_OF_A_USER}", OpenServer),
    (rf"/{PAGES}logs/{_OF_A_USER}", ServerLog),
]
