"""Who uses which session: the gateway knows the requests, the kernel knows when a websocket last carried something."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pool.errors import GatewayTrouble

#: "local:port peer:port" of a connection, as ss writes it.
Connection = str


@dataclass(frozen=True)
class Activity:
    """What was seen of one session. A time is None when nothing was seen since the gateway started."""

    last_request: datetime | None = None  # the last one to begin or end
    websockets: int = 0  # open right now
    last_traffic: datetime | None = None  # from the browser over one of them; an idle page pings about every 30 s
    cut_off: int = 0  # answers that the gateway did not let through: the session means to speak in the gateway's name

    @property
    def last_seen(self) -> datetime | None:
        """The later of the two."""
        return max(filter(None, (self.last_request, self.last_traffic)), default=None)


@dataclass(frozen=True)
class GatewayActivity:
    """What was seen of all sessions; one that is not in *routes* was not used since the gateway started."""

    since: datetime  # when the gateway began to look: a silence cannot be longer than that
    routes: Mapping[str, Activity]  # by route id: secret


def activity_of(answer: dict, silences: Mapping[Connection, timedelta], now: datetime) -> GatewayActivity:
    """Put the gateway's answer and the kernel's together.

    A websocket whose connection the kernel does not know is over: the worker that held it died without a word.
    """
    open_sockets: dict[str, list[timedelta]] = {}
    for connection, route_id in answer["websockets"].items():
        if connection in silences:
            open_sockets.setdefault(route_id, []).append(silences[connection])
    requests, cut_off = answer["last_request"], answer.get("cut_off", {})  # none from a gateway that was not reloaded
    seen = requests.keys() | open_sockets.keys() | cut_off.keys()
    routes = {
        route: _activity(requests.get(route), open_sockets.get(route, []), cut_off.get(route, 0), now) for route in seen
    }
    return GatewayActivity(datetime.fromtimestamp(answer["since"], UTC), routes)


def _activity(last_request: float | None, silences: list[timedelta], cut_off: int, now: datetime) -> Activity:
    return Activity(
        datetime.fromtimestamp(last_request, UTC) if last_request else None,
        len(silences),
        now - min(silences) if silences else None,
        cut_off,
    )


def silences_of_connections() -> dict[Connection, timedelta]:
    """How long ago each of this machine's TCP connections last received something, also in a draining worker.

    Raises:
        GatewayTrouble: the kernel could not be asked.
    """
    command = ["ss", "--tcp", "--info", "--numeric", "--no-header", "--oneline", "state", "established"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise GatewayTrouble(f"ss does not list this machine's connections: {error}") from None
    return dict(filter(None, map(silence, said.splitlines())))


def silence(line: str) -> tuple[Connection, timedelta] | None:
    """From a line of ss; None when nothing was received yet. Of something less than a millisecond ago ss says no time.

    As in "0 0 127.0.0.1:8000 127.0.0.1:51234 cubic … bytes_received:80 … lastrcv:1200 …". A line of another form says
    nothing of its connection, which counts as one that just received something: a session is not idle because of it.
    """
    _, _, local, peer, info = (line.split(maxsplit=4) + [""] * 5)[:5]
    if not peer:
        return None
    if not info:
        return f"{local} {peer}", timedelta()
    if not re.search(r"\bbytes_received:", info):
        return None
    received = re.search(r"\blastrcv:(\d+)", info)
    return f"{local} {peer}", timedelta(milliseconds=int(received[1]) if received else 0)
