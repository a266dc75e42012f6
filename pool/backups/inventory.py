"""What a list of a session's files says: how each file was, so that a later list shows which of them changed.

A list has what the session wrote, not what is in its image; what stands for a file that was deleted is in it as well.
Times in it are the host's. A session may give a file any time of change, but not of its status, which counts with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import fsencode
from stat import S_IFMT, S_ISCHR, S_ISDIR

from pool.backups.kept_paths import is_left_out
from pool.records import KeptWork

#: A file whose status changed so shortly before a list was begun may be changed again without that being seen.
RECENT = timedelta(seconds=1)
#: So long a program may write to a file that it has mapped, and its times stay as at the first write: until the kernel
#: has written it to the disk, which it does after half a minute (vm.dirty_expire_centisecs).
MAPPED = timedelta(minutes=2)
UNSETTLED = b"!"  # begins the stamp of a file that is taken for changed
MOST_DEEP = 64  # folders above a file: a session may make thousands, which would be looked at for each
FIELDS = 12  # of a stamp: mode, uid, gid, size, inode, links; then date, time and zone, of content and of status
SECOND = "%Y-%m-%d %H:%M:%S"

Stamp = bytes


@dataclass(frozen=True)
class Inventory:
    """A list of files by their paths from the root, as in b"home/jovyan/a"; b"/home" is a folder above what is kept."""

    files: Mapping[bytes, Stamp]


def read_inventory(said: bytes, mark: bytes, keep: KeptWork) -> tuple[Inventory, datetime] | None:
    """Read a list; and when it was begun, by the host's clock. None: it did not come to its end, or is none.

    Args:
        said: as the program in blocks/engine/containers/inventory.sh prints it.
        mark: begins each record. No session knows it, so no name of a file can be taken for one.
        keep: what is kept of the session; what is left out does not count.
    """
    begin, *records = (b"\n" + said).split(b"\n" + mark + b" ")
    if begin or len(records) < len(("at", "end")) or records[-1].rstrip(b"\n") != b"end":
        return None
    try:
        files = dict(_file(record) for record in records[1:-1])
        begun = datetime.strptime(records[0].decode(), f"at {SECOND}").replace(tzinfo=UTC)
    except (ValueError, IndexError):
        return None
    return Inventory({name: stamp for name, stamp in files.items() if _is_kept(name, keep)}), begun


def _file(record: bytes) -> tuple[bytes, Stamp]:
    kind, stamp = record[:2], record[2:]
    *fields, name = stamp.split(b" ", FIELDS)
    if len(fields) != FIELDS or kind not in (b"f ", b"a "):
        raise ValueError(record)
    path = name.removeprefix(b"./")
    if path.count(b"/") > MOST_DEEP:
        raise ValueError(record[:99])
    return (path, b" ".join(fields)) if kind == b"f " else (b"/" + path, b" ".join((fields[0], fields[4])))


def _is_kept(name: bytes, keep: KeptWork) -> bool:
    return not keep.without or not is_left_out(inside(name, keep.paths), keep.without)


def inside(name: bytes, paths: Sequence[str]) -> str:
    """Return a file's path below the kept one that it is in; empty: it is that one, or above all of them."""
    for path in paths:
        kept = fsencode(path.strip("/"))
        if name.startswith(kept + b"/"):
            return name[len(kept) + 1 :].decode(errors="surrogateescape")
    return ""


def settled(inventory: Inventory, since: datetime) -> Inventory:
    """Take for changed, in each later comparison, what changed while or shortly before the files were read.

    It may have been read as it was at another moment than the list. So may be what came or went meanwhile: the status
    of its folder changed then.

    Args:
        inventory: was made after the files were read.
        since: when the reading was begun, by the host's clock.
    """
    folders, others = ((since - before).strftime(SECOND).encode() for before in (RECENT, MAPPED))
    files = ((name, one, folders if is_folder(one) else others) for name, one in inventory.files.items())
    return Inventory({name: UNSETTLED + one if _status_changed(one) >= limit else one for name, one, limit in files})


def is_folder(stamp: Stamp) -> bool:
    """Whether it is a folder's."""
    return S_ISDIR(mode_of(stamp))


def stands_for_deleted(stamp: Stamp) -> bool:
    """Whether it is of what overlayfs puts in the place of a file of the image that was deleted; or of a device."""
    return S_ISCHR(mode_of(stamp))


def mode_of(stamp: Stamp) -> int:
    """The kind of the file, and its rights."""
    return int(fields_of(stamp)[0], 16)


def is_same_folder(one: Stamp, other: Stamp) -> bool:
    """Whether it is one folder, in which files may have come or gone, rather than another one in its place."""
    same = fields_of(one)[4] == fields_of(other)[4] and not one.startswith(UNSETTLED)
    return same and S_IFMT(mode_of(one)) == S_IFMT(mode_of(other)) and is_folder(one)


def linked(stamp: Stamp) -> bool:
    """Whether a file may have a second name. What stands for deleted files is one file of many names."""
    return not is_folder(stamp) and not stands_for_deleted(stamp) and int(fields_of(stamp)[5]) > 1


def size_of(stamp: Stamp) -> int:
    """Bytes of a file in a tar, with what describes it."""
    mode, *_, size_of_file = stamp.removeprefix(UNSETTLED).split(b" ", 4)[:4]  # of all files of a home it is asked
    kind = int(mode, 16)
    size = 0 if S_ISDIR(kind) or S_ISCHR(kind) else int(size_of_file)
    return 512 + size + -size % 512


def fields_of(stamp: Stamp) -> Sequence[bytes]:
    """Mode in hexadecimal, uid, gid, size, inode, links; date, time and zone of its content and of its status."""
    return stamp.removeprefix(UNSETTLED).split(b" ")


def _status_changed(stamp: Stamp) -> bytes:
    fields = stamp.split(b" ")
    return b" ".join(fields[9:11]) if len(fields) == FIELDS else b""
