"""What the Hub's pages say of a session: pure functions from what the client answers or raises to words."""

from math import ceil
from typing import Any

from ..errors import ClientError, Failed, NotYet, Refused, Unauthorized
from ..models import QueuedSession, Session, StartingSession

#: The last phase that a session came through while it starts: per cent, and what comes next.
_PHASES = {
    "room": (40, "It has room{on}; its container is made"),
    "created": (55, "Its container is made{on} and starts"),
    "started": (70, "Its program starts{on}"),
    "answering": (85, "It answers{on}"),
}


def progress_of(session: Session | None) -> dict[str, Any]:
    """Return the event for the Hub's progress bar; None: the request is on its way."""
    if isinstance(session, QueuedSession):
        return {"progress": 20, "message": _waiting(session)}
    if isinstance(session, StartingSession):
        percent, words = next((_PHASES[each] for each in reversed(_PHASES) if each in session.phases), _PHASES["room"])
        on = f" on {session.host}" if session.host else ""
        return {"progress": percent, "message": words.format(on=on)}
    if session is None:
        return {"progress": 10, "message": "A session is asked for"}
    return {"progress": 95, "message": f"The session is {session.state}"}


def _waiting(session: QueuedSession) -> str:
    place = f", position {session.position}" if session.position else ""
    wait = f", for about {_minutes(session.estimated_wait)}" if session.estimated_wait else ""
    notice = f" ({session.notice})" if session.notice else ""
    return f"It waits for room{place}{wait}{notice}"


def _minutes(seconds: float) -> str:
    return f"{ceil(seconds / 60)} min" if seconds > 60 else "a minute"


def sentence_of(error: ClientError) -> str:
    """Return what a user is told; of the Hub's own trouble with DockerDriver the details are its operator's."""
    match error:
        case Refused() | Failed():
            return str(error)
        case NotYet(session=QueuedSession() as session):
            return f"There was no room for your session in time. {_waiting(session)}: try again later"
        case NotYet():
            return "Your session did not start in time: try again, and tell the operator of this Hub if it lasts"
        case Unauthorized():
            return "DockerDriver does not let this Hub in: tell the operator of this Hub"
    return "DockerDriver does not answer: try again in a few minutes, and tell the operator of this Hub if it lasts"
