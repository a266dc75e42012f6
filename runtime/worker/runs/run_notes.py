"""Which runs a worker process has under way, noted on disk: its successor learns what it left when it was killed.

Each process has a folder of its own, with one empty file for each run, and holds a lock on it. The kernel gives the
lock back however the process ends: a folder whose lock is free belongs to a process that is dead.
"""

import fcntl
import os
import shutil
from pathlib import Path
from uuid import UUID, uuid4


class RunNotes:
    """The notes of this process; safe to use from its threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._claimed: dict[Path, int] = {}
        name = uuid4().hex
        hidden = folder / f".{name}"  # until it is locked: another process would take it for a dead one's
        hidden.mkdir(parents=True)
        self._lock = _locked(hidden)
        self._mine = hidden.rename(folder / name)

    @property
    def folder(self) -> Path:
        """This process's folder; its name is found on no other process."""
        return self._mine

    def begin(self, run_id: UUID) -> None:
        """Note that this process executes the run."""
        (self._mine / str(run_id)).touch()

    def end(self, run_id: UUID) -> None:
        """The run has ended, or runs again without this process, and the server was told."""
        (self._mine / str(run_id)).unlink(missing_ok=True)

    def close(self) -> None:
        """End in good order: only noted runs are left to be marked."""
        if not self._runs_of(self._mine):
            shutil.rmtree(self._mine, ignore_errors=True)
        os.close(self._lock)  # last: from then on any process may take the folder

    def left_by_the_dead(self) -> dict[Path, list[UUID]]:
        """By folder, the runs of processes that are no more. They are this process's to settle, as long as it lives."""
        others = (folder for folder in self._folder.glob("[!.]*") if folder != self._mine)
        return {folder: self._runs_of(folder) for folder in others if self._claim(folder)}

    def _claim(self, folder: Path) -> bool:
        if folder in self._claimed:
            return True
        try:
            self._claimed[folder] = _locked(folder)
        except (BlockingIOError, FileNotFoundError):  # it lives, or another successor settles it or has settled it
            return False
        return True

    def forget(self, folder: Path) -> None:
        """Delete the notes of a dead process, whose runs have been marked."""
        shutil.rmtree(folder, ignore_errors=True)
        os.close(self._claimed.pop(folder))

    @staticmethod
    def _runs_of(folder: Path) -> list[UUID]:
        return [UUID(note.name) for note in folder.iterdir() if note.name != "lock"]


def _locked(folder: Path) -> int:
    """Take the folder's lock, and return its descriptor.

    Raises:
        BlockingIOError: another process holds it.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    return lock
