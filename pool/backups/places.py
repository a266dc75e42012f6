"""Where a repository of backups may be made anew: never where one was, for what it lies on may only not be mounted."""

from collections.abc import Collection
from hashlib import sha256

NONE_THERE = "there is no repository of backups in the place that block backup-store/main names"
WAY_OUT = (
    "None is made there by itself. Where what it lies on is not mounted, mount it; where a new one is wanted, name"
    " another place in the block, or make it there with restic init and the block's key"
)


def place_id(location: str) -> str:
    """Return what a place is remembered by: the address of a store may hold a password."""
    return sha256(location.rstrip("/").encode()).hexdigest()


def why_none_is_made(place: str, known: Collection[str], has_backups: bool) -> str:
    """Say why no repository may be made in a place that has none; empty: one may.

    Args:
        place: by its id.
        known: ids of the places that had a repository.
        has_backups: whether backups that count are on record.
    """
    if place in known:
        return f"{NONE_THERE}, where one was. {WAY_OUT}"
    if has_backups and not known:  # they were made before places were remembered
        return f"{NONE_THERE}, and backups are on record. {WAY_OUT}"
    return ""
