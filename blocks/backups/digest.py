"""Hold what comes back from a repository to what was written."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from blocks.backups.repository import BackupRepository
from pool.backups.backup import Backup
from pool.backups.states import BackupFault, BackupTrouble

MOST_PARTS = 16  # that are read one by one: of more, all of the stream comes sooner
AT_ONCE = 4


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


def new_parts_read(repository: BackupRepository, backup: Backup, known: Backup) -> bool:
    """Read back the parts of a backup that another one does not have, and hold each to its name; whether it was done.

    It is not where there are so many that reading all of it is no more work.

    Args:
        repository: that both are in.
        backup: was just written.
        known: was read back not long ago.

    Raises:
        BackupTrouble: a part cannot be read, or is not what its name says; or the backup is longer or shorter than
            what was written.
    """
    parts = repository.parts(backup.snapshot)
    if parts.size != backup.size:
        raise BackupTrouble(f"backup {backup.id} is not as long as what was written", BackupFault.DIFFERS)
    new = sorted({*parts.names} - {*repository.parts(known.snapshot).names})
    if len(new) > MOST_PARTS:
        return False
    with ThreadPoolExecutor(AT_ONCE) as readers:
        for name, content in zip(new, readers.map(repository.read_part, new), strict=True):
            if hashlib.sha256(content).hexdigest() != name:
                raise BackupTrouble(f"a part of backup {backup.id} is not what was written", BackupFault.DIFFERS)
    return True
