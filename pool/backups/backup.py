"""The record of one backup."""

from dataclasses import dataclass
from datetime import datetime

from pool.backups.states import BackupCause, BackupFault, BackupState


@dataclass(frozen=True)
class Backup:
    """What was kept of one session at one moment."""

    id: str  # "<instance>.<number>"
    instance: str
    pool: str
    blueprint: str
    user: str
    cause: BackupCause
    state: BackupState
    begun_at: datetime  # the files are as they were then or a little later
    state_since: datetime
    attempts: int = 1
    size: int = 0  # bytes, of files and of what describes them
    files: int = 0
    digest: str = ""  # SHA-256 of all that was written, in hexadecimal
    snapshot: str = ""  # its name in the repository
    base: str = ""  # id of the backup that it stands on, with the changes in its snapshot; empty: it is all in that
    fault: BackupFault | None = None  # of a failed one
    reason: str = ""  # of its state: a sentence

    @property
    def counts(self) -> bool:
        """Whether it was read back, and can be restored."""
        return self.state is BackupState.VERIFIED
