"""The tar that a backup is: made of what an engine reads out of a container, and made fit for another container.

Nothing is unpacked and no file is held in memory: both directions are generators of bytes. Of names, of which a session
may have hundreds of thousands of 4096 bytes each, hashes are held at the most.
"""

import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from posixpath import dirname

from blocks.backups.tar_stream import END, Change, rewritten
from pool.backups.kept_paths import is_left_out
from pool.backups.states import BackupFault, BackupTrouble
from pool.records import KeptWork

MB = 1 << 20
LAST_SECOND = 253_402_300_799  # of the year 9999: a session dates its files as it likes
#: A device cannot be made by a container that has no rights, and holds no work.
KEPT_KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)


@dataclass
class Counted:
    """What went by, while it goes by."""

    size: int = 0  # bytes of files
    files: int = 0
    links: int = 0  # hard links that are kept
    left_out: set[int] = field(default_factory=set, repr=False)  # regular files, by hash: hard links may name them

    def note(self, info: tarfile.TarInfo, limit_mb: int) -> None:
        """Count one member.

        Raises:
            BackupTrouble: with it, it is more than the limit.
        """
        self.size += info.size if info.isreg() else 0
        self.files += 1
        self.links += info.islnk()
        if limit_mb and self.size > limit_mb * MB:
            raise BackupTrouble(f"there is more than {limit_mb} MB to keep", BackupFault.TOO_LARGE)


def kept_tar(
    read: Callable[[str], Iterable[bytes] | None], keep: KeptWork, counted: Counted | None = None
) -> Iterator[bytes]:
    """Make one tar, with names from the root, of all paths that are kept.

    Args:
        read: an engine's tar of one path of the container; None where there is no such path.
        keep: what is kept, what is left out, and the limit.
        counted: filled while the tar is made.

    Raises:
        BackupTrouble: there is more than the limit, or none of the paths is there. Also what *read* raises.
    """
    counted = counted or Counted()
    found = False
    for path in keep.paths:
        tar = read(path)
        if tar is not None:
            found = True
            with closed(tar):
                yield from _chosen(tar, path, keep, counted)
    if not found:
        named = ", ".join(keep.paths)
        raise BackupTrouble(f"none of the paths that are kept is there: {named}", BackupFault.NOTHING_THERE)
    yield bytes(END)


@contextmanager
def closed(stream: Iterable[bytes]) -> Iterator[None]:
    """Close a stream at its end, however that comes: an engine removes no container that it still reads."""
    try:
        yield
    finally:
        if isinstance(stream, Generator):
            stream.close()


def _chosen(tar: Iterable[bytes], path: str, keep: KeptWork, counted: Counted) -> Iterator[bytes]:
    parent = dirname(path.rstrip("/")).strip("/")

    def change(info: tarfile.TarInfo) -> bool:
        """Give a member its name from the root; whether it is kept."""
        info.name = from_root(parent, info.name)
        if info.islnk():
            info.linkname = from_root(parent, info.linkname)
        inside = info.name.removeprefix(f"{parent}/" if parent else "").partition("/")[2]
        if info.type not in KEPT_KINDS or is_left_out(inside, keep.without) or hash(info.linkname) in counted.left_out:
            if info.isreg():
                counted.left_out.add(hash(info.name))
            return False
        counted.note(info, keep.limit_mb)
        return True

    yield from rewritten(tar, change, BackupFault.HOST)


def for_owner(old: int, new: int | None, counted: Counted | None = None) -> Change:
    """Give the files of one uid to another one; all others stay as they are.

    Args:
        old: uid of the session that was backed up, where it had one of its own.
        new: uid that the new session runs as; None: not known, all stay as they are.
        counted: is told of the hard links.
    """
    counted = counted or Counted()

    def change(info: tarfile.TarInfo) -> bool:
        counted.links += info.islnk()
        info.uid = new if new is not None and info.uid == old else info.uid
        return True

    return change


def beside(
    tar: Iterable[bytes], home: str, folder: str, wanted: str, old: int, new: int | None, counted: Counted
) -> Iterator[bytes]:
    """Put what a backup holds into a folder of its own in the home that is lived in, where it replaces nothing.

    Args:
        tar: as :func:`kept_tar` made it.
        home: path of the kept folder that gets the new one, as in "/home/jovyan".
        folder: name of the new one.
        wanted: path of one file or folder, as it was; empty: all.
        old: as for :func:`for_owner`.
        new: likewise.
        counted: filled while the tar is made; hard links come with their file alone.
    """
    root, only, there = home.strip("/"), wanted.strip("/"), set[int]()

    def change(info: tarfile.TarInfo) -> bool:
        if not _is_asked_for(info.name, only) or (info.islnk() and hash(info.linkname) not in there):
            return False
        there.add(hash(info.name))
        counted.files += not info.isdir()
        info.uid = new if new is not None and info.uid == old else info.uid
        info.name = _moved(info.name, root, folder)
        info.linkname = _moved(info.linkname, root, folder) if info.islnk() else info.linkname
        return True

    yield from rewritten(tar, change)
    yield bytes(END)


@dataclass(frozen=True)
class KeptFile:
    """One member of a backup, for people to choose from."""

    path: str
    size: int  # bytes
    changed_at: datetime


def listed(tar: Iterable[bytes], below: str, most: int) -> tuple[list[KeptFile], int]:
    """List the first files of a backup that are a path, or below it; empty: all. Folders are left out.

    Args:
        tar: as :func:`kept_tar` made it.
        below: the path.
        most: how many are listed.

    Returns:
        The files; and how many there are.
    """
    only, count = below.strip("/"), 0
    found: list[KeptFile] = []

    def change(info: tarfile.TarInfo) -> bool:
        nonlocal count
        if not info.isdir() and (not only or info.name == only or info.name.startswith(f"{only}/")):
            count += 1
            if count <= most:
                changed_at = datetime.fromtimestamp(min(max(info.mtime, 0), LAST_SECOND), UTC)
                found.append(KeptFile(f"/{info.name}", info.size, changed_at))
        return False

    for _nothing in rewritten(tar, change):
        pass
    return found, count


def _is_asked_for(name: str, only: str) -> bool:
    """Whether a member is what is asked for, below it, or a folder on the way to it."""
    return not only or name == only or name.startswith(f"{only}/") or only.startswith(f"{name}/")


def _moved(name: str, root: str, folder: str) -> str:
    """Return where a member goes: the kept folder becomes the new one, and what lay elsewhere goes below it."""
    below = name.removeprefix(root).lstrip("/") if name == root or name.startswith(f"{root}/") else name
    return f"{root}/{folder}/{below}".rstrip("/")


def from_root(parent: str, name: str) -> str:
    """Return a member's name from the root, as in "home/jovyan/a"."""
    name = name.strip("/")
    return f"{parent}/{name}" if parent else name
