"""Blocks as they were read last, for a process that is told when one of them changes."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds for which a block is kept at most, should the event of a change be lost.
KEPT_SECONDS = 60.0
#: Prefect's server sends the event before it commits the change: what is read so soon after may be the old block.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class _Kept:
    value: Any
    read_at: float


class KeptBlocks:
    """Values by key; safe to use from many threads. Nothing is kept while no changes are told of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._listening = False
        self._kept: dict[Hashable, _Kept] = {}
        self._reading: dict[Hashable, Lock] = {}
        self._changed_at = -SETTLE_SECONDS

    @contextmanager
    def told_of_changes(self) -> Iterator[None]:
        """Keep what is read in the block: :meth:`forget` is called for each change meanwhile."""
        self.forget()
        self._listening = True
        try:
            yield
        finally:
            self._listening = False
            self._kept = {}

    def forget(self) -> None:
        """A block was changed, made or deleted: read each anew."""
        self._changed_at = self._clock()
        self._kept = {}  # another one: what is put into the old one by a read under way is seen by no other

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return the value of this key, read now or kept since it was."""
        if not self._listening:
            return read()
        with self._reading.setdefault(key, Lock()):  # of many that want it at once, one reads it
            kept = self._kept
            found, now = kept.get(key), self._clock()
            if found and now - found.read_at < KEPT_SECONDS:
                return found.value
            value = read()
            if now - self._changed_at >= SETTLE_SECONDS:
                kept[key] = _Kept(value, now)
            return value
