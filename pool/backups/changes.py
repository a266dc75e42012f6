"""What changed in a session since a backup that counts: which of its files are read anew, and whether that is worth it.

A backup of changes stands on another one, its base. What it says: what of its base does not count any more, and what is
there in its place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pool.backups.backup import Backup
from pool.backups.inventory import (
    Inventory,
    Stamp,
    fields_of,
    is_same_folder,
    linked,
    size_of,
    stands_for_deleted,
)
from pool.backups.reading_back import FRESH

WORTH = 64 << 20  # bytes of a backup: of a smaller one all is read as soon as what changed is found out
MOST_SHARE = 4  # of so many bytes of the base one may be read anew
MOST_REQUESTS = 64
REQUEST = 2 << 20  # bytes that are read as soon as an engine has answered for another file
MOST_DEPTH = 8  # of backups that stand on each other


@dataclass(frozen=True)
class Noted:
    """What is noted in a container: which backup its files were as in, at one moment."""

    backup: str  # id
    read_at: datetime  # when all of that backup was read last
    links: bool  # whether it has hard links
    inventory: Inventory = field(repr=False)  # of that moment


@dataclass(frozen=True)
class Changes:
    """What is different from the base; paths from the root, as in b"home/jovyan/a"."""

    gone: tuple[bytes, ...] = ()  # with all below
    fetched: tuple[bytes, ...] = ()  # are read anew, with all below
    folders: Mapping[bytes, Stamp] = field(default_factory=dict)  # whose rights or times alone are different
    to_read: int = 0  # bytes that are read anew
    grown: int = 0  # bytes that the session has more than the base
    more_files: int = 0

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        return not (self.gone or self.fetched or self.folders)


def is_large(backup: Backup) -> bool:
    """Whether it is worth it to find out what changed since a backup."""
    return backup.counts and will_be_large(backup)


def will_be_large(backup: Backup) -> bool:
    """Whether that will be so once the backup counts."""
    return backup.size >= WORTH


def base_of(noted: Noted, backups: Iterable[Backup], now: datetime) -> Backup | None:
    """Choose the backup that the next one of the session may stand on; None: all of the session is to be read.

    All of it was read less than a day before, so that each part of a backup that counts was, and that all of a session
    is read each day. What a container notes, its user may have written: only backups of the session's user are given.

    Args:
        noted: in the container.
        backups: that the session might be given, in any state.
        now: the moment of asking.
    """
    known = {one.id: one for one in backups}
    found = known.get(noted.backup)
    fresh = now - FRESH < noted.read_at <= now
    good = found is not None and is_large(found) and fresh
    return found if found and good and _depth(found, known) < MOST_DEPTH else None


def _depth(backup: Backup, known: Mapping[str, Backup]) -> int:
    depth, one = 0, backup
    while one.base and depth < MOST_DEPTH:
        if one.base not in known:
            return MOST_DEPTH
        depth, one = depth + 1, known[one.base]
    return depth


def chain_of(backup: Backup, backups: Iterable[Backup]) -> list[Backup]:
    """List a backup and all that it stands on.

    Args:
        backup: that :func:`base_of` chose.
        backups: it was chosen from these.
    """
    known, chain = {one.id: one for one in backups}, [backup]
    while chain[-1].base:
        chain.append(known[chain[-1].base])
    return chain


def changes_since(before: Inventory, after: Inventory) -> Changes | None:
    """Tell what changed between two lists of a container; None: it cannot be told.

    Args:
        before: when the container was as in the base.
        after: now.
    """
    old, new = before.files, after.files
    if any(old.get(name) != new.get(name) for name in old.keys() | new.keys() if name.startswith(b"/")):
        return None  # a folder above what is kept is another one
    changed = {name: stamp for name, stamp in new.items() if old.get(name) != stamp and not name.startswith(b"/")}
    folders = {name: one for name, one in changed.items() if name in old and is_same_folder(old[name], one)}
    found = changed.keys() - folders
    gone = {name for name in found if stands_for_deleted(new[name])} | (old.keys() - new.keys())
    kept = _highest(name for name in old if not name.startswith(b"/"))
    if not kept or kept & gone:
        return None  # a list that could not be made looks like this as well
    fetched = _together(_highest(found - gone), new)
    below = Below({*gone, *fetched})
    if any(linked(one) for files in (old, new) for name, one in files.items() if below.has(name)):
        return None  # a file with two names would be two
    folders = {name: one for name, one in folders.items() if not below.has(name) and _shows(old[name], one)}
    return Changes(
        tuple(sorted(_highest(gone))),
        tuple(sorted(fetched)),
        folders,
        to_read=sum(size_of(one) for name, one in new.items() if below.has(name)),
        grown=_size_of_others(new, old) - _size_of_others(old, new),
        more_files=len(new) - len(old),
    )


def _size_of_others(files: Mapping[bytes, Stamp], known: Mapping[bytes, Stamp]) -> int:
    """Add up what is not as it is known: of a large home that changed little few stamps are taken apart."""
    return sum(size_of(stamp) for name, stamp in files.items() if known.get(name) != stamp)


def is_worth_it(changes: Changes, links: bool, base: Backup, limit_mb: int) -> bool:
    """Whether reading what changed is less than reading all, and keeps the limit.

    Args:
        changes: since the base.
        links: whether the base has hard links; then what changed may be a file with two names.
        base: that the backup would stand on.
        limit_mb: of what is kept; 0: none.
    """
    if links and not changes.nothing:
        return False
    few = len(changes.fetched) <= MOST_REQUESTS and changes.to_read <= base.size // MOST_SHARE
    return few and (not limit_mb or base.size + changes.to_read <= limit_mb << 20)


def _shows(one: Stamp, other: Stamp) -> bool:
    """Whether a folder's owner, rights or time are not the same."""
    parts = ((fields[:3], fields[6:9]) for fields in (fields_of(one), fields_of(other)))
    return next(parts) != next(parts)


class Below:
    """Paths, and all that is below them.

    Files are asked for folder by folder, as a list and a tar have them: what was found of one folder is remembered. Of
    all folders it would be as much memory as a session likes.
    """

    def __init__(self, roots: set[bytes]) -> None:
        self._roots = roots
        self._folder, self._is_below = b"", False

    def has(self, name: bytes) -> bool:
        """Whether a path is one of them, or below one."""
        folder = name.rpartition(b"/")[0]
        if folder != self._folder:
            self._folder = folder
            self._is_below = folder in self._roots or any(above in self._roots for above in _above(folder))
        return self._is_below or name in self._roots


def _above(name: bytes) -> Iterable[bytes]:
    """The folders above a path, the nearest first."""
    while b"/" in name.strip(b"/"):
        name = name.rpartition(b"/")[0]
        yield name


def _highest(names: Iterable[bytes]) -> set[bytes]:
    """Leave out what is below another one."""
    every = set(names)
    without_folder = [name for name in every if name.rpartition(b"/")[0] not in every]  # of most names it is there
    return {name for name in without_folder if not any(above in every for above in _above(name))}


def _together(roots: set[bytes], files: Mapping[bytes, Stamp]) -> set[bytes]:
    """Read a folder as a whole where that is less work than reading many of its files one by one."""
    below = _bytes_below(files) if roots else {}
    cost = {name: REQUEST + size_of(files[name]) + below.get(name, 0) for name in roots}
    for level in range(max((_deep(name) for name in roots), default=0), 0, -1):
        folders: dict[bytes, list[bytes]] = {}
        for name in [one for one in cost if _deep(one) == level]:
            folders.setdefault(name.rpartition(b"/")[0], []).append(name)
        for folder, names in folders.items():
            as_whole = REQUEST + below[folder]
            if folder in files and sum(cost[name] for name in names) >= as_whole:
                for name in names:
                    del cost[name]
                cost[folder] = as_whole
    return set(cost)


def _bytes_below(files: Mapping[bytes, Stamp]) -> dict[bytes, int]:
    """Add up the bytes below each folder, by the folders that files lie in: they are far fewer."""
    inside: dict[bytes, int] = {}
    for name, stamp in files.items():
        folder = name.rpartition(b"/")[0]
        inside[folder] = inside.get(folder, 0) + size_of(stamp)
    below = dict(inside)
    for folder, size in inside.items():
        for above in _above(folder):
            below[above] = below.get(above, 0) + size
    return below


def _deep(name: bytes) -> int:
    return name.count(b"/")
