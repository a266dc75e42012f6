"""What threads of one process tell each other to save work. None of it holds an invariant: only the database does."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """One at a time where two threads would only keep each other from working; and who looks at what soon anyway."""

    def __init__(self) -> None:
        self._locks: dict[str, Lock] = {}
        self._looks: Counter[str] = Counter()
        self._counting = Lock()

    @contextmanager
    def take(self, name: str) -> Iterator[None]:
        """Wait until no other thread has the turn of this name, and have it for the block."""
        with self._locks.setdefault(name, Lock()):
            yield

    @contextmanager
    def looking_later(self, name: str) -> Iterator[None]:
        """Say, for the block, that the caller looks at the thing of this name right after it.

        What another thread changed before it asked :meth:`is_looked_at_later`, the caller then sees.
        """
        self._count(name, 1)
        try:
            yield
        finally:
            self._count(name, -1)

    def is_looked_at_later(self, name: str) -> bool:
        """Whether a caller has said so, and has not looked yet."""
        return self._looks[name] > 0

    def _count(self, name: str, change: int) -> None:
        with self._counting:
            self._looks[name] += change
            if not self._looks[name]:
                del self._looks[name]
