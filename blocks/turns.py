"""One at a time in a process: work that two threads would only keep each other from."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """Locks by name. They save work and hold no invariant: between processes only the database's guards do."""

    def __init__(self) -> None:
        self._locks: dict[str, Lock] = {}

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """Wait until no other thread has the turn of this name, and have it for the block."""
        with self._locks.setdefault(name, Lock()):
            yield
