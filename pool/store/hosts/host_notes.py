"""What was seen of hosts: errors in a row, whether they answer, the room on their disks. No state is changed by it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import func, update

from pool.store.engine import Part
from pool.store.hosts.host_rows import forgive, get_host, mark_reached, mark_silent
from pool.store.schema import hosts


class HostNotes(Part):
    """What is written down of a host by those that look at it."""

    def count_error(self, name: str, reason: str, now: datetime) -> int:
        """Count one more error in a row and keep what it was; return how many that makes.

        Raises:
            NotFound: no host has this name.
        """
        more = {"errors": hosts.c.errors + 1, "last_error": reason, "last_error_at": now}
        with self._db.writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name).values(**more))
            return get_host(connection, name).errors

    def clear_errors(self, name: str) -> None:
        """A success: the errors before it no longer count. What the last one was stays readable."""
        with self._db.writing() as connection:
            forgive(connection, name)

    def note_reached(self, names: Collection[str], now: datetime) -> None:
        """These hosts answered: they are in reach again, which is a line of their history."""
        if names:
            with self._db.writing() as connection:
                mark_reached(connection, names, now)

    def note_unreachable(self, trouble: Mapping[str, str], now: datetime, grace: float) -> None:
        """These hosts did not answer, and why; each takes no session until it answers, and is dead after *grace* s."""
        with self._db.writing() as connection:
            for name, words in sorted(trouble.items()):
                mark_silent(connection, name, words, now, grace)

    def note_disk(self, name: str, low: str, now: datetime) -> None:
        """The host's disk was looked at: it has room, or what is *low* of it; then it takes no session until it has."""
        values: dict[str, object] = {"disk_low_since": None}
        if low:
            since = func.coalesce(hosts.c.disk_low_since, now)
            values = {"disk_low_since": since, "last_error": low, "last_error_at": now}
        with self._db.writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name).values(**values))

    def note_repair(self, name: str, now: datetime) -> None:
        """The host is configured again because of what was found on it; not so soon once more."""
        with self._db.writing() as connection:
            connection.execute(update(hosts).where(hosts.c.name == name).values(repaired_at=now))
