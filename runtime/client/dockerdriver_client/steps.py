"""What a call does next, and what came of it: the calls are generators of these, and a driver carries them out.

So each rule stands once, for both clients, and knows neither sockets nor sleeping.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True)
class Ask:
    """Send one request, and give up on it after so many seconds.

    One that `changes` something is not left half asked: a call that is cancelled meanwhile waits for its answer.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None
    seconds: float
    changes: bool = False


@dataclass(frozen=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Listen:
    """Wait for an event of this resource, for so many seconds at the most.

    Without events it is a pause, and its seconds are others: then only a look can find what happened.
    """

    resource: str
    seconds: float
    without_events: float


@dataclass(frozen=True)
class Answer:
    """What the server answered; in how many seconds it wants to be asked again, where it says so."""

    status: int
    text: str
    retry_after: float | None = None


@dataclass(frozen=True)
class NoAnswer:
    """No answer came, and why."""

    why: str


@dataclass(frozen=True)
class Heard:
    """Whether something may have happened: an event came, or they are listened to only from now on."""

    event: bool


Step = Ask | Pause | Listen
Reply = Answer | NoAnswer | Heard | None
T = TypeVar("T")
Steps = Generator[Step, Reply, T]
