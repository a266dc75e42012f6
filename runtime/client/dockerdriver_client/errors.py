"""What a call ends with when it cannot do what it was asked: one sentence each, and what a program needs of it."""

from .models import Session


class ClientError(Exception):
    """A call could not do what it was asked; the message says why, in one sentence without secrets."""


class Refused(ClientError):
    """DockerDriver said no, or could not; asking again in the same way does not help. `reason` is for people."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


class Failed(ClientError):
    """The session is over, or is ending; its id is not used again. `cause` is for programs, the message for people."""

    def __init__(self, message: str, session: Session) -> None:
        """Keep the session as it was told last, and with it why it ended."""
        super().__init__(message)
        self.session = session
        self.cause = session.end_cause


class NotFound(ClientError):
    """No session has this id, or the server has no such deployment."""


class Unauthorized(ClientError):
    """The server does not take the password; the message says of which user and from where, and not what it is."""


class Unavailable(ClientError):
    """The server did not answer in all the time that the call had; what was asked may be done or not: ask again."""

    def __init__(self, message: str, seconds: float) -> None:
        """Keep after how many seconds the call gave up."""
        super().__init__(message)
        self.seconds = seconds


class NotYet(Unavailable):
    """What was waited for has not come in its time, though the server answers; `session` is as it was told last."""

    def __init__(self, message: str, seconds: float, session: Session | None = None) -> None:
        """Keep the session, where it is known."""
        super().__init__(message, seconds)
        self.session = session


class Closed(ClientError):
    """The client was closed; no request of it is on its way any more."""
