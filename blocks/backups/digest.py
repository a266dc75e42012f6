"""Hold what comes back from a repository to what was written."""

import hashlib
from collections.abc import Iterable, Iterator

from pool.backups.backup import Backup
from pool.backups.states import BackupFault, BackupTrouble


def checked(stream: Iterable[bytes], backup: Backup) -> Iterator[bytes]:
    """Pass a backup on, and complain at its end where it is not all that was written.

    Raises:
        BackupTrouble: it is shorter, longer or other than what was written.
    """
    digest = hashlib.sha256()
    for chunk in stream:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != backup.digest:
        raise BackupTrouble(f"what is in backup {backup.id} is not what was written", BackupFault.DIFFERS)
