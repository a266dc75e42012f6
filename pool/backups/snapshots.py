"""Which snapshots of the repository may be deleted: none that a record may need, and none that is a stranger's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pool.backups.backup import Backup
from pool.backups.states import BackupState, BackupTrouble
from pool.printable import how_many

#: Letters of a snapshot's short name. restic before 0.15 says it after a backup, later ones say the whole name.
SHORT = 8
#: A snapshot is older than this before it counts as one that no record names: it may be being written.
UNNAMED = timedelta(days=1)


@dataclass(frozen=True)
class Snapshot:
    """What the repository knows of one snapshot."""

    written_at: datetime
    backup: str  # id of the backup that it was written for; empty: it says none


def to_delete(listed: Mapping[str, Snapshot], backups: Collection[Backup], now: datetime) -> set[str]:
    """Choose the snapshots that no backup needs any more, halves that dead processes left as well.

    One of a backup that is not on record stays: the records may be the ones that are lost.

    Args:
        listed: all snapshots, by their whole names; listed before the records were read.
        backups: all that are on record, in any state.
        now: the moment of asking.

    Raises:
        BackupTrouble: not one backup that counts is listed: the repository is not the one that the records speak of.
    """
    known = {one.id for one in backups}
    needed = {one.snapshot[:SHORT] for one in _needed(backups) if one.snapshot}
    counting = {one.snapshot[:SHORT] for one in backups if one.counts}
    old = {name for name, one in listed.items() if one.backup in known and one.written_at < now - UNNAMED}
    gone = {name for name in old if name[:SHORT] not in needed}
    if gone and counting and counting.isdisjoint(name[:SHORT] for name in listed):
        count = how_many(len(counting), "backup that counts", "backups that count")
        raise BackupTrouble(
            f"nothing is deleted: of {count}, the repository lists not one, so it is"
            " not the one that they were written to; look at the place in block backup-store/main"
        )
    return gone


def _needed(backups: Collection[Backup]) -> list[Backup]:
    """Those that are not forgotten, and those that one of them stands on."""
    every = {one.id: one for one in backups}
    found = {one.id: one for one in backups if one.state is not BackupState.FORGOTTEN}
    bases = list(found.values())
    while bases:
        bases = [every[one.base] for one in bases if one.base in every and one.base not in found]
        found |= {one.id: one for one in bases}
    return list(found.values())


def strangers(listed: Mapping[str, Snapshot], backups: Collection[Backup], now: datetime) -> set[str]:
    """Names of snapshots of no backup that is on record: never deleted. An operator is told."""
    known = {one.id for one in backups}
    return {name for name, one in listed.items() if one.backup not in known and one.written_at < now - UNNAMED}
