"""What an engine says about a container."""

from collections.abc import Mapping
from dataclasses import dataclass

FROZEN = "paused"  # as engines call it


@dataclass(frozen=True)
class ContainerState:
    """A container as its engine sees it."""

    id: str
    name: str
    image: str  # id: "sha256:…"
    status: str  # created, running, paused, restarting, removing, exited or dead
    exit_code: int
    labels: Mapping[str, str]
    takes_files: bool = True  # False: its image's files cannot be changed, so that an engine puts none into it

    @property
    def running(self) -> bool:
        """It runs now, or is frozen as it ran; a container between two restarts does not."""
        return self.status in ("running", FROZEN)

    @property
    def frozen(self) -> bool:
        """It runs, and gets no processor time."""
        return self.status == FROZEN

    @property
    def has_run(self) -> bool:
        """It was started at least once."""
        return self.status != "created"


def state_of(seen: dict) -> ContainerState:
    """Read what an engine answered when it was asked for a container."""
    state = seen["State"]
    return ContainerState(
        id=seen["Id"],
        name=seen["Name"].lstrip("/"),
        image=seen["Image"],
        status=state["Status"],
        exit_code=state["ExitCode"],
        labels=seen["Config"]["Labels"] or {},
        takes_files=not seen["HostConfig"]["ReadonlyRootfs"],
    )
