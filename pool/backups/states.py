"""The life cycle of a backup, what asked for it, and what went wrong with it."""

from collections.abc import Mapping
from enum import StrEnum

from pool.blame import CONTAINER_GONE
from pool.errors import DockerDriverError, EngineTrouble, RefusedMove


class BackupState(StrEnum):
    """Where a backup is in its life."""

    WRITING = "writing"  # a flow run reads the container and writes to the repository, or died doing so
    WRITTEN = "written"  # all of it is in the repository, and was not read back yet
    VERIFIED = "verified"  # read back, byte for byte: it counts
    FAILED = "failed"  # not made this time, or not readable any more; the fault says why
    FORGOTTEN = "forgotten"  # deleted from the repository: too old, newer ones are enough, or it never counted


class BackupCause(StrEnum):
    """What asked for a backup."""

    SESSION_ENDS = "session-ends"
    REQUESTED = "requested"  # backup-instance
    SCHEDULED = "scheduled"  # its blueprint says how often
    SESSION_MOVES = "session-moves"  # to another host


#: What asks for a backup of files that nothing is written to any more: the session's program is ended first.
PROGRAM_ENDS = frozenset({BackupCause.SESSION_ENDS, BackupCause.SESSION_MOVES})


class BackupFault(StrEnum):
    """Why a backup failed: a fact; the record's reason has the details."""

    TOO_LARGE = "too-large"  # more than its blueprint keeps
    CONTAINER_GONE = "container-gone"  # there is nothing to read from any more
    NOTHING_THERE = "nothing-there"  # none of the paths that are kept is in the container
    HOST = "host"  # its engine did not answer, or broke off
    REPOSITORY = "repository"  # it could not be written to, or read from
    DIFFERS = "differs"  # what was read back is not what was written
    SPOILED = "spoiled"  # the repository is there, and says that a part of it is damaged or lost


#: Faults that another try cannot mend: a session's end does not wait for them.
FINAL_FAULTS = frozenset({BackupFault.TOO_LARGE, BackupFault.CONTAINER_GONE, BackupFault.NOTHING_THERE})

#: Faults of a backup itself, which the next look finds again: a session begins with the one before.
LOST_FAULTS = frozenset({BackupFault.DIFFERS, BackupFault.SPOILED})

BACKUP_MOVES: Mapping[BackupState, frozenset[BackupState]] = {
    BackupState.WRITING: frozenset({BackupState.WRITTEN, BackupState.FAILED, BackupState.FORGOTTEN}),
    BackupState.WRITTEN: frozenset(
        {BackupState.WRITING, BackupState.VERIFIED, BackupState.FAILED, BackupState.FORGOTTEN}
    ),
    BackupState.VERIFIED: frozenset({BackupState.FAILED, BackupState.FORGOTTEN}),
    BackupState.FAILED: frozenset({BackupState.WRITING, BackupState.FORGOTTEN}),
    BackupState.FORGOTTEN: frozenset(),
}


class BackupTrouble(DockerDriverError):
    """A backup was not made, or cannot be read; its fault says what kind of trouble it was."""

    def __init__(self, message: str, fault: BackupFault = BackupFault.REPOSITORY) -> None:
        """Keep the fault."""
        super().__init__(message)
        self.fault = fault


def as_trouble(error: DockerDriverError) -> BackupTrouble:
    """Say what an engine's error means for a backup."""
    if isinstance(error, BackupTrouble):
        return error
    gone = isinstance(error, EngineTrouble) and error.blame is CONTAINER_GONE
    return BackupTrouble(str(error), BackupFault.CONTAINER_GONE if gone else BackupFault.HOST)


def check_backup_move(backup_id: str, current: BackupState, to: BackupState) -> None:
    """Refuse a move that a backup's life cycle does not allow.

    Raises:
        RefusedMove: "backup alice-1.1 cannot go from forgotten to verified".
    """
    if to not in BACKUP_MOVES[current]:
        raise RefusedMove(f"backup {backup_id} cannot go from {current} to {to}")
