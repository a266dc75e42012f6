"""All that a session had, of a backup: its own stream, or the one that it stands on and what changed since."""

from collections.abc import Callable, Iterator
from itertools import chain

from blocks.backups.changes_tar import is_file, still_there
from blocks.backups.digest import checked
from blocks.backups.repository import BackupRepository
from blocks.backups.tar_stream import END, Change, rewritten
from blocks.backups.work_tar import closed, for_owner
from pool.backups.backup import Backup
from pool.sessions.containers import own_uid

HELD = 16 << 20  # bytes of what changed: each more process of restic takes up to a third of a second of a core to begin


def whole(
    repository: BackupRepository, backup: Backup, get: Callable[[str], Backup], change: Change | None = None
) -> Iterator[bytes]:
    """Read all of a backup as one tar; files of the session's own uid are of that of its session.

    Args:
        repository: that it is in.
        backup: which.
        get: the backup of an id.
        change: of its members, see :func:`blocks.backups.tar_stream.rewritten`; None: they come as they are.

    Raises:
        BackupTrouble: it cannot be read, or is not what was written. Also while it is iterated.
        NotFound: what it stands on is on record no more.
    """
    if not backup.base and change is None:
        yield from checked(repository.read(backup.snapshot), backup)
        return
    yield from _members(repository, backup, get, change or (lambda _info: True))
    yield bytes(END)


def _members(
    repository: BackupRepository, backup: Backup, get: Callable[[str], Backup], change: Change, room: int = HELD
) -> Iterator[bytes]:
    """Go through each stream once, however many stand on each other; what changed comes after what it changes.

    Args:
        room: bytes of what changed that may be held meanwhile, in this backup and all that it stands on.
    """

    def stream() -> Iterator[bytes]:
        return checked(repository.read(backup.snapshot), backup)

    if not backup.base:
        yield from rewritten(stream(), change)
        return
    base = get(backup.base)
    ours = for_owner(own_uid(base.instance), own_uid(backup.instance))
    if base.snapshot == backup.snapshot:
        yield from _members(repository, base, get, lambda info: ours(info) and change(info), room)
        return
    with closed(changes := stream()):
        begin = b"".join(_first(changes, room))
        stays = still_there(chain([begin], changes))
    is_all = len(begin) < room
    left = room - len(begin) if is_all else room
    yield from _members(repository, base, get, lambda info: stays(info) and ours(info) and change(info), left)
    yield from rewritten([begin] if is_all else stream(), lambda info: is_file(info) and change(info))


def _first(stream: Iterator[bytes], room: int) -> Iterator[bytes]:
    """Read a stream to its end, or until there is no room for more."""
    size = 0
    for chunk in stream:
        yield chunk
        size += len(chunk)
        if size >= room:
            return
