"""What is found outside, in the words of the rules: containers on hosts, things in the cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from signal import Signals

from pool.hosts.certificates import Validity

#: MB that a session must have written to be told, or ended, for want of room on its host's disk.
WRITES_MUCH = 256


class ContainerOutcome(StrEnum):
    """What became of a session's container."""

    RUNS = "runs"  # or is between two states: being created, restarted, removed
    FROZEN = "is frozen"
    SHUT_DOWN = "ended by itself with exit code 0"
    FAILED = "ended with another exit code"
    OUT_OF_MEMORY = "was killed for want of memory"
    STOPPED_WITH_ENGINE = "ended well when its engine stopped: the host rebooted"
    GONE = "is not there"
    UNKNOWN = "cannot be seen: the engine does not answer"


@dataclass(frozen=True)
class SeenContainer:
    """One container that carries our label, as its engine listed it."""

    name: str
    instance: str  # id that its label names
    outcome: ContainerOutcome = ContainerOutcome.RUNS
    exit_code: int = 0


def exit_words(code: int) -> str:
    """Say an exit code and its signal, if any: engines give 128 and its number (docker run, "Exit status")."""
    try:
        name = Signals(code - 128).name
    except ValueError:
        return str(code)
    return f"{code} ({name}: it was killed)" if name == "SIGKILL" else f"{code} ({name})"


@dataclass(frozen=True)
class Probe:
    """What one look at a host's engine gave. A host that was not asked, or not in time, has none."""

    answers: bool
    containers: tuple[SeenContainer, ...] = ()
    clock_ahead: float = 0.0  # seconds that the host's clock is ahead of ours; negative: behind
    out_of_memory: frozenset[str] = frozenset()  # instances in which a process was killed for memory lately
    trouble: str = ""  # why it does not answer
    certificate: Validity | None = None  # of its engine's own; None: not seen
    distrusted: bool = False  # something answers, and one of the two does not believe the other's certificate

    def by_name(self) -> Mapping[str, SeenContainer]:
        """Return the containers by name."""
        return {container.name: container for container in self.containers}


@dataclass(frozen=True)
class HostDisk:
    """What one look at the disk gave that holds a host's containers."""

    free_mb: int
    written_mb: Mapping[str, int] | None = None  # by session; None: not measured, which is done only below the floor

    @property
    def largest_writer(self) -> str:
        """Return the session that wrote most; empty where none is known that wrote enough to matter."""
        writers = {one: size for one, size in (self.written_mb or {}).items() if size >= WRITES_MUCH}
        return min(writers, key=lambda one: (-writers[one], one), default="")


@dataclass(frozen=True)
class Orphan:
    """Something that carries our mark and that no living record speaks of, as it was reported before."""

    id: str  # "port/3f0c…", "container/main-01/dd-alice-1"
    seen_at: datetime  # first
    attempts: int = 0  # to remove it
    next_at: datetime | None = None  # before this it is not tried again
