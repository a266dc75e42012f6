"""JupyterLab as one session behind the gateway, which sends the session's token with every request."""

import hmac
import os
from contextlib import suppress
from pathlib import Path

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from tornado.web import RequestHandler

c = get_config()  # noqa: F821 - Jupyter's own
TOKENS = Path("/run/dockerdriver/tokens")  # what the label dockerdriver.tokens of the image names


class RotatedTokens(PasswordIdentityProvider):
    """Accepts the tokens in a file, from the moment that there is one; before, the one that it was started with."""

    _accepted: tuple[str, ...] = ()

    def accepted(self) -> tuple[str, ...]:
        """Return what the file holds; what it held, while it is being replaced."""
        with suppress(OSError):
            self._accepted = tuple(TOKENS.read_text().split()) or self._accepted
        return self._accepted

    def get_token(self, handler: RequestHandler) -> str | None:
        """Return the token that Jupyter was started with for each that is accepted: it knows that one alone.

        The header goes before ``token=`` in an address: the gateway sets it, and a page from before has that.
        """
        accepted = self.accepted()
        if not accepted:
            return super().get_token(handler)
        header = self.auth_header_pat.match(handler.request.headers.get("Authorization", ""))
        said = (header[2] if header else handler.get_argument("token", "")).encode()
        return self.token if any(hmac.compare_digest(said, one.encode()) for one in accepted) else None

    async def get_user(self, handler: RequestHandler) -> User | None:
        """Return who asks. A cookie alone was given for a token that may have ended."""
        user = await super().get_user(handler)
        return user if getattr(handler, "_token_authenticated", False) or not self.accepted() else None


c.ServerApp.identity_provider_class = RotatedTokens

c.ServerApp.ip = "0.0.0.0"  # noqa: S104 - the container's own address; the host publishes one port of it
c.ServerApp.port = 8888
c.ServerApp.base_url = os.environ.get("DD_BASE_URL", "/")  # no argument: the process list shows those to everyone
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_remote_access = True  # the gateway passes on the name that the browser asked for
c.ServerApp.trust_xheaders = True
c.ServerApp.root_dir = "/home/jovyan"
c.ServerApp.terminals_enabled = True
c.ServerApp.quit_button = False  # sessions end by their lifetime, or when the platform says so
c.Application.log_level = "WARN"

# A session fetches nothing by itself: no news, no check for updates, no catalogue of extensions. Without
# overrides.json its first window would ask its user whether it may.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Nothing is kept beyond the session, so neither signatures nor deleted files are.
c.NotebookNotary.db_file = ":memory:"
c.FileContentsManager.delete_to_trash = False
