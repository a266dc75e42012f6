"""Where a repository of backups was seen: there none is made anew, were it ever so empty."""

from datetime import datetime

from sqlalchemy import exists, select

from pool.backups.states import BackupState
from pool.store.engine import Part, insert_unless_there
from pool.store.schema import backup_places, backups


class BackupPlaceStore(Part):
    """Remember places, by their ids."""

    def known(self) -> set[str]:
        """All places that had a repository."""
        with self._db.reading() as connection:
            return set(connection.scalars(select(backup_places.c.id)))

    def note(self, place: str, now: datetime) -> None:
        """Write down that a place has a repository; nothing is written where that is known."""
        if place in self.known():
            return
        with self._db.writing() as connection:
            connection.execute(insert_unless_there(connection, backup_places, "id").values(id=place, seen_at=now))

    def has_backups(self) -> bool:
        """Whether backups that count are on record, wherever they are."""
        with self._db.reading() as connection:
            counting = exists().where(backups.c.state == BackupState.VERIFIED)
            return bool(connection.scalar(select(counting)))
