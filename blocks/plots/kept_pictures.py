"""What is looked at more often than it changes, and takes a while to draw."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

FRESH = timedelta(minutes=1)
Drawn = TypeVar("Drawn")


class KeptPictures:
    """The pictures of one process: each is drawn anew once a minute at the most, for a day's looks the same so long."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, Any]] = {}

    def of(self, name: str, now: datetime, draw: Callable[[], Drawn]) -> Drawn:
        """Return the picture of this name; an old one is drawn first. A clock that was set back makes it old, too."""
        at, picture = self._kept.get(name, (now - FRESH, None))
        if not at <= now < at + FRESH:
            picture = draw()
            self._kept[name] = (now, picture)
        return picture
