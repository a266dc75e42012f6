"""What is remembered of places of backups, for the repository's adapter."""

from pool.backups.places import place_id, why_none_is_made
from pool.ports import Clock
from pool.store.pool_store import PoolStore


class Places:
    """Which places had a repository, as the pool's database says."""

    def __init__(self, store: PoolStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def why_none_is_made(self, location: str) -> str:
        """Say why no repository may be made in a place that has none; empty: one may.

        Args:
            location: of the place, as restic names it.
        """
        known = self._store.backup_places.known()
        return why_none_is_made(place_id(location), known, not known and self._store.backup_places.has_backups())

    def note(self, location: str) -> None:
        """Remember that there is a repository in a place."""
        self._store.backup_places.note(place_id(location), self._clock.now())
