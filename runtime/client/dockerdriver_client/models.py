"""What DockerDriver answers, as types: one for each state of a session, and what else a platform reads or sends."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class State(StrEnum):
    """Where a session is in its life."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DELETED = "deleted"
    FAILED = "failed"


class EndCause(StrEnum):
    """Why a session ended, for programs. A server newer than this client may know more: those stay texts."""

    REQUESTED = "requested"
    SHUT_DOWN_INSIDE = "shut-down-inside"
    EXPIRED = "expired"
    IDLE = "idle"
    DRAINED = "drained"
    HOST_LOST = "host-lost"
    HOST_REBOOTED = "host-rebooted"
    CONTAINER_REMOVED = "container-removed"
    PROGRAM_ENDED = "program-ended"
    OUT_OF_MEMORY = "out-of-memory"
    DISK_FILLED = "disk-filled"
    POOL_SHUT_DOWN = "pool-shut-down"
    NO_ROOM = "no-room"
    NOT_STARTED = "not-started"


#: A cause that this client does not know stays a text.
Cause = Annotated[EndCause | str, Field(union_mode="left_to_right")]
#: It signs a browser in, so no log has it by accident.
Secret = Annotated[str, Field(repr=False)]


class _Model(BaseModel):
    """Fields that a newer server adds are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Answer(_Model):
    """What is told of a session in every state."""

    instance_id: str
    user: str = ""
    url: str
    host: str | None = None
    notice: str = ""
    reason: str = ""
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    end_cause: Cause | None = None
    accepted_at: datetime | None = None
    phases: dict[str, float] = {}


class QueuedSession(_Answer):
    """It waits for room: at this position, 1 for the next, and for so many seconds, where that is known."""

    state: Literal[State.QUEUED]
    launch_url: Secret
    position: int | None = None
    estimated_wait: float | None = None


class StartingSession(_Answer):
    """It has room, and its container is being started; the page behind `launch_url` goes on to it."""

    state: Literal[State.STARTING]
    launch_url: Secret


class RunningSession(_Answer):
    """It answers; `launch_url` lets one browser in, once and within two minutes."""

    state: Literal[State.RUNNING]
    launch_url: Secret


class StoppingSession(_Answer):
    """Its route and container are being removed."""

    state: Literal[State.STOPPING]


class DeletedSession(_Answer):
    """It is over: by request, by its user, by its time or by a drain's deadline."""

    state: Literal[State.DELETED]


class FailedSession(_Answer):
    """It is over otherwise: `end_cause` says why for programs, `reason` for people."""

    state: Literal[State.FAILED]


#: One that was started and is not about to end.
LivingSession = QueuedSession | StartingSession | RunningSession
#: A session, as one of six types; ``match`` and ``isinstance`` tell them apart, and so does `state`.
Session = Annotated[
    QueuedSession | StartingSession | RunningSession | StoppingSession | DeletedSession | FailedSession,
    Field(discriminator="state"),
]
#: The table of a session's answer.
SESSIONS: TypeAdapter[list[Session]] = TypeAdapter(Annotated[list[Session], Field(min_length=1)])


class Link(_Model):
    """A new launch link: it lets one browser in, once and within two minutes."""

    instance_id: str
    launch_url: Secret


class Line(_Model):
    """A line of a session's log."""

    line: str


class Place(_Model):
    """What became of one session of a class: it is on record, or it was refused for this reason."""

    instance_id: str
    refused: str = ""


@dataclass(frozen=True)
class Class:
    """What became of sessions that were asked for at once: those on record, and by its id why another was refused."""

    sessions: list[Session]
    refused: dict[str, str]


#: The tables that runs on a session leave.
LINKS: TypeAdapter[list[Link]] = TypeAdapter(Annotated[list[Link], Field(min_length=1)])
LINES: TypeAdapter[list[Line]] = TypeAdapter(list[Line])
PLACES: TypeAdapter[list[Place]] = TypeAdapter(list[Place])


class Options(BaseModel):
    """What a request may say of its session beside blueprint and user; what is left out is as the blueprint says.

    Args:
        lifetime: seconds, at most the blueprint's.
        wait: seconds that it may wait for room, at most the pool's; 0: not at all.
        course: name of the course whose reserved slots it may take.
        secrets: names of Secret blocks, by the names of the files in /run/secrets that hold their values.
        environment: names and texts; no secrets, for they are shown in Prefect's UI.
        restore: id of the backup that it begins with, or "none".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lifetime: int | None = Field(default=None, gt=0)
    wait: int | None = Field(default=None, ge=0)
    course: str | None = None
    secrets: dict[str, str] | None = None
    environment: dict[str, str] | None = None
    restore: str | None = None
