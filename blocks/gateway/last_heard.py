"""When a gateway's relay heard of its manager last: one that is cut off leads by the routes of then."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

#: Each tick asks every relay, and ticks are half a minute apart: after four that did not come something is wrong.
LONG_SECONDS = 120.0
#: Between two notes: workers ask many times a second in a burst.
NOTE_SECONDS = 1.0


class LastHeard:
    """The moment, kept as the time of a file, which any process of the machine may read. Safe to use from many threads.

    Args:
        file: made where it is not there.
        say: is told in a sentence when the manager is heard of again after long.
    """

    def __init__(self, file: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._file, self._say = file, say

    def note(self, now: datetime) -> None:
        """Note that the manager was heard of. A disk that takes no note keeps no route from being told."""
        before = self.moment()
        silent = (now - before).total_seconds() if before else 0.0
        if before and 0 <= silent < NOTE_SECONDS:
            return
        if before and silent > LONG_SECONDS:
            self._say(f"the manager is heard of again, {silent:.0f} s after the last time: routes were those of then")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch()
            os.utime(self._file, (now.timestamp(), now.timestamp()))
        except OSError as error:
            self._say(f"{self._file} cannot be written: {error}")

    def moment(self) -> datetime | None:
        """Return when it was heard of last; None: never, as far as is known here."""
        try:
            return datetime.fromtimestamp(self._file.stat().st_mtime, UTC)
        except OSError:
            return None


def trouble_with(heard: datetime | None, now: datetime) -> str:
    """Say that a gateway is cut off, and since when; empty: it is not."""
    if heard is None:
        return "the gateway's relay has not heard of its manager yet: sessions have no route here"
    silent = (now - heard).total_seconds()
    if silent <= LONG_SECONDS:
        return ""
    since = f"since {heard:%Y-%m-%d %H:%M:%S} UTC"
    return f"the gateway's relay has not heard of its manager {since}: it leads by the routes of then"
