"""The spawner: each server of the Hub is one session of DockerDriver.

Its state is one word, the session's id, written to the Hub's database before the session is asked for: a Hub that dies
at any moment finds what it started, and the same id is the same session however often it is asked for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

from jupyterhub.spawner import Spawner
from jupyterhub.utils import utcnow
from tornado import web
from traitlets import Dict, Integer, Unicode, default

from ..async_client import AsyncClient
from ..errors import ClientError, NotFound, Unauthorized, Unavailable
from ..models import (
    FailedSession,
    Options,
    QueuedSession,
    RunningSession,
    Session,
    StartingSession,
    StoppingSession,
)
from .choosing import blueprint_of, chosen_in, form_of
from .door import DoorError, open_door
from .naming import instance_id_of, leading_to
from .telling import progress_of, sentence_of

_LIVING = (QueuedSession, StartingSession, RunningSession)
#: A look from time to time is given up after so many; the next one comes.
_POLL_SECONDS = 10.0
#: A request that was sent may not be known to the server yet: how long it is looked for.
_PENDING_SECONDS = 1.0


class ServerError(web.HTTPError):
    """A server could not be started, stopped or opened; the Hub shows the sentence."""

    def __init__(self, said: str, status: int = 503) -> None:
        """Keep the sentence where the Hub looks for it."""
        super().__init__(status, said)
        self.jupyterhub_message = said


class DockerDriverSpawner(Spawner):
    """Run a user's server as a session on a DockerDriver pool."""

    api_url = Unicode("http://127.0.0.1:4200/api", help="The address of Prefect's API.").tag(config=True)
    password_file = Unicode(
        "", help="The file that holds the API's user:password; for the Hub's own account alone to read."
    ).tag(config=True)
    blueprints = Dict(
        default_value={"jupyter-minimal": "JupyterLab"},
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="The blueprints that users may choose from, each with its title; with one alone there is no choice.",
    ).tag(config=True)
    session_environment = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="Variables of the sessions. No secrets: they are parameters of flow runs, which Prefect's UI shows."
        " Spawner.environment, and what the Hub tells its servers (JUPYTERHUB_API_TOKEN), are not sent.",
    ).tag(config=True)
    instance_prefix = Unicode("hub", help="How the sessions' ids begin: tells the sessions of two Hubs apart.").tag(
        config=True
    )
    user_prefix = Unicode(
        "",
        help="What the pool has in front of this Hub's user names. Whose files are whose it knows by these names: where"
        " another Hub or platform has people of the same names, each has a prefix of its own, as in 'physics:'.",
    ).tag(config=True)
    door_url = Unicode(
        "http://127.0.0.1:8083",
        help="Where the Hub's proxy finds the door, which this process opens. The same after each restart of the Hub.",
    ).tag(config=True)
    door_address = Unicode("", help="The address that the door listens on; empty: the one in door_url.").tag(
        config=True
    )
    end_timeout = Integer(
        600,
        help="Seconds that the end of a session may take, with the backup of its work; then the pool goes on alone.",
    ).tag(config=True)

    #: Between two looks at a session that ends, or whose progress is shown.
    look_seconds = 1.0
    instance_id = ""
    _starting = False
    _clients: ClassVar[dict[tuple[str, str, asyncio.AbstractEventLoop], AsyncClient]] = {}

    @default("start_timeout")
    def _start_timeout_default(self) -> int:
        return 960  # a session may wait for room for a quarter of an hour

    @default("options_form")
    def _options_form_default(self) -> str:
        return form_of(self.blueprints, (self.user_options or {}).get("blueprint", ""))

    @default("options_from_form")
    def _options_from_form(self) -> Any:
        return chosen_in

    def make_client(self) -> AsyncClient:
        """Return a client of DockerDriver.

        Raises:
            ValueError: api_url or password_file is not of its form.
        """
        if not self.password_file:
            raise ValueError("c.DockerDriverSpawner.password_file is not set")
        return AsyncClient(self.api_url, password_file=self.password_file)

    @property
    def client(self) -> AsyncClient:
        """The client that all spawners of this Hub share."""
        key = (self.api_url, self.password_file, asyncio.get_running_loop())
        if key not in self._clients:
            self._clients[key] = self.make_client()
        return self._clients[key]

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up the session that an earlier process of the Hub started."""
        super().load_state(state)
        self.instance_id = state.get("instance_id", "")

    def get_state(self) -> dict[str, Any]:
        """Return by what the session is found again."""
        state: dict[str, Any] = super().get_state()
        return state | ({"instance_id": self.instance_id} if self.instance_id else {})

    def clear_state(self) -> None:
        """Forget the session: it is over."""
        super().clear_state()
        self.instance_id = ""

    async def start(self) -> str:
        """Start a session and wait until it runs; where the Hub's proxy finds it.

        Raises:
            ServerError: it could not be started; says why to the user.
        """
        self._starting, until = True, time.monotonic() + self.start_timeout
        try:
            self._open_door()
            blueprint, client = self._blueprint(), self.client
            self._take_id()
            options = Options(environment=dict(self.session_environment)) if self.session_environment else None
            said = {"blueprint": blueprint, "user": self.user_prefix + self.user.name, "options": options}
            session: Session = await client.start(self.instance_id, **said, timeout=_left(until))
            if not isinstance(session, RunningSession):
                session = await client.wait(self.instance_id, timeout=_left(until))
        except (ClientError, DoorError, ValueError) as error:
            raise self._trouble(error) from None
        finally:
            self._starting = False
        self.log.info("session %s of %s runs on %s", self.instance_id, self._log_name, session.host)
        return str(self.door_url)

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002 - a session ends in one way
        """End the session and wait until it is over, its work backed up where the blueprint keeps it.

        Raises:
            ServerError: DockerDriver does not answer; the session then ends when its time is over.
        """
        if not self.instance_id:
            return
        until = time.monotonic() + self.end_timeout
        try:
            session = await self.client.end(self.instance_id, timeout=self.end_timeout)
            while isinstance(session, StoppingSession) and time.monotonic() < until:
                await asyncio.sleep(self.look_seconds)
                session = await self._found(_left(until))
        except (ClientError, ValueError) as error:
            self.log.error("session %s of %s could not be ended: %s", self.instance_id, self._log_name, error)
            raise ServerError("The session could not be ended: it ends when its time is over") from None
        if isinstance(session, StoppingSession):
            self.log.warning("session %s still ends after %s s", self.instance_id, self.end_timeout)

    async def poll(self) -> int | None:
        """Return None while the session lives, or while that is not known; else 0, or 1 where it failed."""
        if not self.instance_id:
            return 0
        try:
            self._open_door()
            session = None if self._starting else await self._found(_POLL_SECONDS)
            if isinstance(session, _LIVING) or (session is None and (self._starting or await self._is_pending())):
                self._note_use()
                return None
        except (ClientError, DoorError, ValueError) as error:
            self.log.warning("whether session %s still lives is not known: %s", self.instance_id, error)
            return None
        if session is None:
            return 0
        self.log.info("session %s of %s is %s: %s", self.instance_id, self._log_name, session.state, session.reason)
        return 1 if isinstance(session, FailedSession) else 0

    async def get_url(self) -> str:
        """Return where the server is found; a Hub that died during a start has written down another place."""
        return f"{self.door_url}{self.server.base_url}"

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Say how far the start is, each time that it is further."""
        said: dict[str, Any] = {}
        while self._starting:
            event = progress_of(await self._look())
            if event != said:
                yield event
            said = event
            await asyncio.sleep(self.look_seconds)

    async def launch_url(self, to: str = "") -> str:
        """Return an address that opens the session for one browser, once.

        Args:
            to: a place in it, as an address has it: "lab/tree/a%20b.ipynb?reset"; empty: where servers of it begin.

        Raises:
            ServerError: it is over, or DockerDriver does not answer.
        """
        place = to or self.format_string(self.default_url).lstrip("/")
        try:
            session = await self.client.get(self.instance_id)
            if isinstance(session, QueuedSession | StartingSession):
                return leading_to(session.launch_url, place)  # shows how far it is, and goes on to it
            return leading_to((await self.client.link(self.instance_id)).launch_url, place)
        except (ClientError, ValueError) as error:
            raise self._trouble(error) from None

    async def last_lines(self, lines: int = 200) -> list[str]:
        """Return the last lines that the session's program wrote.

        Raises:
            ServerError: it has no log (any more), or DockerDriver does not answer.
        """
        try:
            return await self.client.logs(self.instance_id, lines=lines)
        except (ClientError, ValueError) as error:
            raise self._trouble(error) from None

    def _blueprint(self) -> str:
        try:
            return blueprint_of(self.user_options or {}, self.blueprints)
        except ValueError as error:
            raise ServerError(str(error), 400) from None

    def _take_id(self) -> None:
        """Write down what the session will be called, before any other can know."""
        self.instance_id = instance_id_of(self.instance_prefix, self.user.name, self.name)
        if self.orm_spawner:
            self.orm_spawner.state = self.get_state()
            self.user.db.commit()

    def _open_door(self) -> None:
        open_door(self.door_url, self.door_address, self.hub.base_url, self.public_hub_url)

    def _note_use(self) -> None:
        """Tell the Hub that the server is in use: the pool ends what is idle, by what it alone can see."""
        if self.orm_spawner:
            self.orm_spawner.last_activity = utcnow(with_tz=False)
            self.user.db.commit()

    async def _found(self, seconds: float) -> Session | None:
        """Return the session; None: it is over since long ago, or was never begun."""
        try:
            return await self.client.get(self.instance_id, timeout=seconds)
        except NotFound:
            return None

    async def _is_pending(self) -> bool:
        """Whether the session was asked for, and its run has not begun."""
        try:
            await self.client.wait(self.instance_id, timeout=_PENDING_SECONDS)
        except NotFound:
            return False
        except (Unavailable, Unauthorized):
            return True
        except ClientError:
            return False
        return True

    async def _look(self) -> Session | None:
        try:
            return await self._found(_POLL_SECONDS) if self.instance_id else None
        except (ClientError, ValueError):
            return None

    def _trouble(self, error: Exception) -> ServerError:
        self.log.error("%s: %s", self._log_name, error)
        if isinstance(error, ClientError):
            return ServerError(sentence_of(error))
        return ServerError("This Hub is not set up for DockerDriver yet: tell its operator", 500)


def _left(until: float) -> float:
    """Seconds until then; the Hub waits no longer, and says nothing of why."""
    return max(1.0, until - time.monotonic() - 2)
