"""Ask DockerDriver for notebook sessions, from a platform: ``Client`` and, for asyncio, ``AsyncClient``."""

from .async_client import AsyncClient
from .client import Client
from .errors import ClientError, Closed, Failed, NotFound, NotYet, Refused, Unauthorized, Unavailable
from .models import (
    Class,
    DeletedSession,
    EndCause,
    FailedSession,
    Link,
    Options,
    QueuedSession,
    RunningSession,
    Session,
    StartingSession,
    State,
    StoppingSession,
)
from .pauses import Pauses
from .settings import Settings

__all__ = [
    "AsyncClient",
    "Class",
    "Client",
    "ClientError",
    "Closed",
    "DeletedSession",
    "EndCause",
    "Failed",
    "FailedSession",
    "Link",
    "NotFound",
    "NotYet",
    "Options",
    "Pauses",
    "QueuedSession",
    "Refused",
    "RunningSession",
    "Session",
    "Settings",
    "StartingSession",
    "State",
    "StoppingSession",
    "Unauthorized",
    "Unavailable",
]
