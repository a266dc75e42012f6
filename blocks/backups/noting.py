"""What is noted in a session's container: as which backup its files were, by a list of that moment.

It is as long there as the list means something, and costs neither the manager nor its database room. The session may
read and change it where its program is root: it says nothing that is not the session's own, and is believed as little.
"""

import io
import json
import tarfile
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from blocks.backups.work_tar import closed
from blocks.files.small_tar import small_tar
from pool.backups.changes import Noted
from pool.backups.inventory import FIELDS, MOST_DEEP, UNSETTLED, Inventory

FOLDER, FILE = ".dockerdriver", ".dockerdriver/files"
PATH = f"/{FILE}"
MOST_PACKED, MOST_BYTES = 8 << 20, 24 << 20
LONGEST_NUMBER = 20  # digits
LEVEL = 1  # of compression: a tenth of the size already


def packed(noted: Noted) -> bytes:
    """Make the tar that puts a note into a container, for root's eyes alone."""
    told = {"backup": noted.backup, "read_at": noted.read_at.isoformat(), "links": noted.links}
    files = b"\0".join(b"%b %b" % (stamp, name) for name, stamp in noted.inventory.files.items())
    content = json.dumps(told).encode() + b"\n" + zlib.compress(files, LEVEL)
    return small_tar([(FOLDER, None, 0o700), (FILE, content, 0o600)])


def unpacked(tar: Iterable[bytes] | None) -> Noted | None:
    """Read a note; None: there is none, or what is there is none.

    Args:
        tar: an engine's of the note's file.
    """
    try:
        return _noted(_content(tar or ()))
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError, tarfile.TarError, zlib.error):
        return None


def _content(tar: Iterable[bytes]) -> bytes:
    content = io.BytesIO()
    with closed(tar):
        for chunk in tar:
            content.write(chunk)
            if content.tell() > MOST_PACKED:
                raise ValueError("it is too long")
    content.seek(0)
    with tarfile.open(fileobj=content, mode="r:") as archive:
        first = archive.next()
        file = archive.extractfile(first) if first and first.isreg() else None
        return file.read() if file else b""


def _noted(content: bytes) -> Noted:
    line, _, rest = content.partition(b"\n")
    told: dict[str, Any] = json.loads(line)
    unpacker = zlib.decompressobj()
    files = unpacker.decompress(rest, MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("it is too long, or not all of it")
    if (read_at := datetime.fromisoformat(told["read_at"])).tzinfo is None:
        raise ValueError("it does not say of which zone its time is")
    inventory = Inventory(dict(map(_file, files.split(b"\0"))) if files else {})
    return Noted(str(told["backup"]), read_at.astimezone(UTC), bool(told["links"]), inventory)


def _file(line: bytes) -> tuple[bytes, bytes]:
    """An entry is a stamp, of `FIELDS` words, or of two for a folder above what is kept, and a path."""
    above = line.split(b" ", 2)
    if len(above) == len(("mode", "inode", "path")) and above[2].startswith(b"/"):
        return above[2], b" ".join(above[:2])
    *stamp, name = line.split(b" ", FIELDS)
    numbers = stamp[1:6]
    good = len(stamp) == FIELDS and all(one.isdigit() and len(one) <= LONGEST_NUMBER for one in numbers)
    if not good or name.count(b"/") > MOST_DEEP or int(stamp[0].removeprefix(UNSETTLED), 16) < 0:
        raise ValueError("a line is not as it was written")
    return name, b" ".join(stamp)
