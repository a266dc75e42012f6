"""All that a session had, of a backup: its own stream, or the one that it stands on and what changed since."""

from collections.abc import Callable, Iterator

from blocks.backups.changes_tar import composed
from blocks.backups.digest import checked
from blocks.backups.repository import BackupRepository
from blocks.backups.work_tar import given_to
from pool.backups.backup import Backup
from pool.sessions.containers import own_uid


def whole(repository: BackupRepository, backup: Backup, get: Callable[[str], Backup]) -> Iterator[bytes]:
    """Read all of a backup as one tar; files of the session's own uid are of that of its session.

    Args:
        repository: that it is in.
        backup: which.
        get: the backup of an id.

    Raises:
        BackupTrouble: it cannot be read, or is not what was written. Also while it is iterated.
        NotFound: what it stands on is on record no more.
    """
    if not backup.base:
        return checked(repository.read(backup.snapshot), backup)
    base = get(backup.base)
    below = whole(repository, base, get)
    if base.instance != backup.instance:
        below = given_to(below, own_uid(base.instance), own_uid(backup.instance))
    if base.snapshot == backup.snapshot:
        return below
    return composed(below, lambda: checked(repository.read(backup.snapshot), backup))
