"""What an operator tells the users of sessions, in the page that they have open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pool.errors import BadRequest
from pool.printable import how_many, is_printable

MOST_CHARACTERS = 300
#: A day: what is to be known for longer belongs into the application that starts sessions.
MOST_MINUTES = 1440


class Level(StrEnum):
    """How a message is shown."""

    INFO = "info"
    WARNING = "warning"  # stands out; something is to be done


class Scope(StrEnum):
    """Whose users a message is for."""

    ALL = "all"  # sessions of the installation
    HOST = "host"  # sessions that are on it, as long as they are
    SESSION = "session"


@dataclass(frozen=True)
class SessionMessage:
    """One message; a later one of the same scope and subject is in its place."""

    scope: Scope
    subject: str  # name of the host, or id of the session; empty for all
    words: str
    level: Level
    said_at: datetime
    until: datetime  # it is shown no longer


def check_words(words: str) -> None:
    """Refuse a message that cannot be shown in one small banner.

    Raises:
        BadRequest: it has more than 300 characters, or one that cannot be seen.
    """
    if len(words) > MOST_CHARACTERS:
        raise BadRequest(f"the message has {how_many(len(words), 'character')}; it may have {MOST_CHARACTERS}")
    if not is_printable(words):
        raise BadRequest("the message has a character that cannot be seen, or a line break: it is one line of text")


def message_for(session: str, host: str, messages: Iterable[SessionMessage]) -> SessionMessage | None:
    """Return what the user of a session is told: of all that concerns it, what was said last; None: nothing.

    Args:
        session: its id.
        host: name of the host that it is on.
        messages: that are not over.
    """
    concerned = {(Scope.ALL, ""), (Scope.HOST, host), (Scope.SESSION, session)}
    said = [message for message in messages if (message.scope, message.subject) in concerned]
    return max(said, key=lambda message: (message.said_at, message.scope), default=None)
