"""The tar of a backup of changes, and the whole home that it makes with the one that it stands on.

Its first member, a file named `FIRST`, names what of the base does not count any more; folders whose rights or times
changed follow, without what is in them, then what was read anew. Unpacked over the base, less what is named, it is all.
"""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from os import fsdecode, fsencode
from posixpath import dirname
from stat import S_IMODE

from blocks.backups.tar_stream import END, Change, rewritten
from blocks.backups.work_tar import KEPT_KINDS, Counted, closed, from_root
from pool.backups.changes import Below, Changes
from pool.backups.inventory import Stamp, fields_of, inside, mode_of
from pool.backups.kept_paths import is_left_out
from pool.backups.states import BackupFault, BackupTrouble
from pool.records import KeptWork

FIRST = ".dockerdriver-dropped"
MOST_NAMED = 16 << 20  # bytes of the names in it


def changes_tar(
    read: Callable[[str], Iterable[bytes] | None], keep: KeptWork, changes: Changes, counted: Counted
) -> Iterator[bytes]:
    """Make the tar of what changed.

    Args:
        read: as for :func:`blocks.backups.work_tar.kept_tar`.
        keep: what is kept, and what is left out.
        changes: since the base.
        counted: filled while the tar is made.

    Raises:
        BackupTrouble: a file has a second name meanwhile, or too many are gone to name them. Also what *read* raises.
    """
    dropped = b"\0".join(sorted({*changes.gone, *changes.fetched}))
    if len(dropped) > MOST_NAMED:
        raise BackupTrouble("too many files are gone to name them", BackupFault.HOST)
    first = tarfile.TarInfo(FIRST)
    first.size, first.mode = len(dropped), 0o600
    yield _member(first, dropped)
    for name, stamp in sorted(changes.folders.items()):
        yield _member(_folder(name, stamp))
    for name in changes.fetched:
        path = fsdecode(name)
        tar = read(f"/{path}")
        if tar is not None:  # else it is gone meanwhile
            with closed(tar):
                yield from _chosen(tar, path, keep, counted)
    yield bytes(END)


def still_there(changes: Iterator[bytes]) -> Change:
    """Tell which members of a base count still, by the tar of what changed since."""
    dropped = Below(_dropped(changes))

    def stays(info: tarfile.TarInfo) -> bool:
        return not dropped.has(fsencode(info.name))

    return stays


def is_file(info: tarfile.TarInfo) -> bool:
    """Whether a member of a tar of changes is the session's, rather than the list of what is dropped."""
    return info.name != FIRST


def _dropped(changes: Iterator[bytes]) -> set[bytes]:
    """Read the first member alone."""
    content = b""
    with closed(changes):
        while len(content) < tarfile.BLOCKSIZE + _first_size(content) and (chunk := next(changes, b"")):
            content += chunk
    names = content[tarfile.BLOCKSIZE :][: _first_size(content)]
    return set(names.split(b"\0")) if names else set()


def _first_size(content: bytes) -> int:
    if len(content) < tarfile.BLOCKSIZE:
        return 0
    try:
        first = tarfile.TarInfo.frombuf(content[: tarfile.BLOCKSIZE], tarfile.ENCODING, "surrogateescape")
    except tarfile.TarError as error:
        raise BackupTrouble(f"what changed does not begin as it must: {error}", BackupFault.DIFFERS) from error
    if first.name != FIRST or not 0 <= first.size <= MOST_NAMED:
        raise BackupTrouble("what changed does not begin as it must", BackupFault.DIFFERS)
    return first.size


def _chosen(tar: Iterable[bytes], path: str, keep: KeptWork, counted: Counted) -> Iterator[bytes]:
    parent = dirname(path)

    def change(info: tarfile.TarInfo) -> bool:
        info.name = from_root(parent, info.name)
        if info.type not in KEPT_KINDS or is_left_out(inside(fsencode(info.name), keep.paths), keep.without):
            return False
        if info.islnk():
            raise BackupTrouble(f"{info.name} has got a second name meanwhile", BackupFault.HOST)
        counted.note(info, keep.limit_mb)
        return True

    yield from rewritten(tar, change, BackupFault.HOST)


def _folder(name: bytes, stamp: Stamp) -> tarfile.TarInfo:
    info = tarfile.TarInfo(fsdecode(name))
    fields = fields_of(stamp)
    info.type, info.mode = tarfile.DIRTYPE, S_IMODE(mode_of(stamp))
    info.uid, info.gid, info.mtime = int(fields[1]), int(fields[2]), _seconds(b" ".join(fields[6:8]))
    return info


def _seconds(moment: bytes) -> int:
    """Whole ones, as an engine's tar has; 0 where a session dated its folder so that no calendar has it."""
    try:
        found = datetime.strptime(moment.decode().partition(".")[0], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return 0
    return max(0, int(found.replace(tzinfo=UTC).timestamp()))


def _member(info: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, BytesIO(content))
        return buffer.getvalue()
