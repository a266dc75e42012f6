"""Members of a tar while it goes by: headers are read and may be changed, what is in the files passes unseen.

`tarfile` copies what is in a file several times on its way, and what it has read ahead once more for each file: of a
home of many small files that was half of what the manager itself did in a restore. Here headers alone are left to it.
"""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from zlib import adler32

from pool.backups.states import BackupFault, BackupTrouble

BLOCK = tarfile.BLOCKSIZE
ZEROS = bytes(BLOCK)
END = 2 * BLOCK  # zeros
USTAR = tarfile.POSIX_MAGIC[:5]
NUMBERS = ((100, 108), (108, 116), (116, 124), (124, 136), (136, 148), (148, 156))  # mode, owners, size, time, sum
PART = 1 << 18  # bytes that are passed on at once: each part costs a call, an engine's tar comes by 32 KB and less
LONGEST_HEADER = 1 << 24  # bytes of one: it is held in memory
NAME = tarfile.LENGTH_NAME
LARGEST, LARGEST_ID = 1 << 33, (1 << 21) - 1  # that the octal digits of one block hold
PLAIN = frozenset(
    {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE}
)
#: Headers that say more of the member that follows: a long name, a large number.
SAYS_MORE = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
#: No engine writes them, and what is in them is not as long as their header says, or concerns all that follows.
NOT_READ = frozenset({tarfile.GNUTYPE_SPARSE, tarfile.XGLTYPE})
#: What a name in an engine's tar may say by itself: on writing it would win against the name that we give.
OURS_TO_SAY = {"path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"}


#: Changes the header of a member; whether the member is kept.
Change = Callable[[tarfile.TarInfo], bool]


def rewritten(tar: Iterable[bytes], change: Change, fault: BackupFault = BackupFault.DIFFERS) -> Iterator[bytes]:
    """Write the members again that *change* keeps, as it changed them; without the end of the tar.

    Args:
        tar: read to its end, also what follows the end of the tar.
        change: changes the header of a member, in the order of the tar; whether the member is kept.
        fault: why it is trouble where it is no whole tar.

    Raises:
        BackupTrouble: it is no whole tar, and *fault* is why.
    """
    try:
        yield from _in_parts(_members(_Source(tar), change))
    except tarfile.TarError as error:
        raise BackupTrouble(f"the files did not come as a whole: {error}", fault) from error


class _Source:
    """Chunks, by as many bytes as are asked for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._chunk, self._at = iter(chunks), memoryview(b""), 0

    def pass_on(self, size: int) -> Iterator[memoryview]:
        """Give the next bytes as they came.

        Raises:
            ReadError: there are not as many.
        """
        while size:
            if self._at == len(self._chunk):
                self._chunk, self._at = memoryview(self._next()), 0
            piece = self._chunk[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Give the next bytes as a whole; raises like `pass_on`."""
        return b"".join(self.pass_on(size))

    def drain(self) -> None:
        """Read what is left: an engine's connection can be used again, a digest is of all that came."""
        for _chunk in self._chunks:
            pass

    def _next(self) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise tarfile.ReadError("the end is missing")


def _members(source: _Source, change: Change) -> Iterator[bytes | memoryview]:
    while info := _next_member(source):
        content = source.pass_on(_content_size(info))
        if change(info):
            yield _header(info)
            yield from content
        else:
            for _piece in content:
                pass
    source.drain()


def _next_member(source: _Source) -> tarfile.TarInfo | None:
    """Read the header of the next member; None at the end, which an engine that cannot go on does not write."""
    block = source.take(BLOCK)
    if block == ZEROS:
        if source.take(BLOCK) != ZEROS:
            raise tarfile.ReadError("the end is missing")
        return None
    info = _read(block)
    return _read_with_more(source, block, info) if info.type in SAYS_MORE else info


def _read(block: bytes) -> tarfile.TarInfo:
    info = _plainly_read(block) or tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    if info.type in NOT_READ or info.size < 0:
        raise tarfile.ReadError(f"{info.name} is nothing that an engine writes")
    return info


def _plainly_read(block: bytes) -> tarfile.TarInfo | None:
    """Read what `tarfile` does, without names of owners, twice as fast; None: it does not, or there is trouble."""
    kind = block[156:157]
    if kind not in PLAIN or block[345] or block[257:262] != USTAR:  # 345: more of the name
        return None
    try:
        name, link = block[:100].rstrip(b"\0").decode("ascii"), block[157:257].rstrip(b"\0").decode("ascii")
        mode, uid, gid, size, mtime, total = (int(block[at:end].rstrip(b"\0 "), 8) for at, end in NUMBERS)
    except ValueError:
        return None
    is_folder = kind == tarfile.DIRTYPE
    if "\0" in name or "\0" in link or (name.endswith("/") and not is_folder):
        return None
    if total != _sum(block) - _sum(block[148:156]) + 8 * ord(" "):
        return None
    info = tarfile.TarInfo(name.rstrip("/") if is_folder else name)
    info.type, info.linkname = kind, link
    info.mode, info.uid, info.gid, info.size, info.mtime = mode, uid, gid, size, mtime
    return info


def _sum(content: bytes) -> int:
    """Add up the bytes of a block that is all but ASCII: the low half of Adler-32, below 65521."""
    return adler32(content, 0) & 0xFFFF


def _read_with_more(source: _Source, block: bytes, info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Read a header that is several: `tarfile` puts them together."""
    blocks = [block]
    while info.type in SAYS_MORE:
        if info.size + sum(map(len, blocks)) > LONGEST_HEADER:
            raise tarfile.ReadError("a header is longer than any that an engine writes")
        blocks += [source.take(_whole_blocks(info.size)), source.take(BLOCK)]
        info = _read(blocks[-1])
    try:
        with tarfile.open(fileobj=BytesIO(b"".join(blocks)), mode="r:") as tar:
            found = tar.next()
    except ValueError as error:  # a list of holes where there is none
        raise tarfile.ReadError(str(error)) from error
    if found is None or found.size < 0 or found.issparse():
        raise tarfile.ReadError(f"{info.name} is nothing that an engine writes")
    return found


def _content_size(info: tarfile.TarInfo) -> int:
    has_content = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
    return _whole_blocks(info.size) if has_content else 0


def _whole_blocks(size: int) -> int:
    return size + -size % BLOCK


def _header(info: tarfile.TarInfo) -> bytes:
    info.uname = info.gname = ""  # numbers count: names mean others in another image
    if info.pax_headers:
        info.pax_headers = {name: value for name, value in info.pax_headers.items() if name not in OURS_TO_SAY}
    return _plain(info) or info.tobuf(tarfile.PAX_FORMAT)


def _plain(info: tarfile.TarInfo) -> bytes:
    """Write what `tarfile` does, four times as fast, where one block holds all of it; empty: it does not."""
    name = f"{info.name}/" if info.isdir() else info.name
    numbers = (info.uid, info.gid)
    fits = len(name) <= NAME and len(info.linkname) <= NAME and max(numbers) <= LARGEST_ID and min(numbers) >= 0
    if not fits or info.pax_headers or info.ischr() or info.isblk() or not (name + info.linkname).isascii():
        return b""
    if not (isinstance(info.mtime, int) and 0 <= info.mtime < LARGEST and info.size < LARGEST):
        return b""
    facts = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (info.mode & 0o7777, *numbers, info.size, info.mtime)
    head = name.encode().ljust(NAME, b"\0") + facts
    tail = info.type + info.linkname.encode().ljust(NAME, b"\0") + tarfile.POSIX_MAGIC
    total = _sum(head) + _sum(tail) + 8 * ord(" ")
    return (head + b"%06o\0 " % total + tail).ljust(BLOCK, b"\0")


def _in_parts(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Join small pieces."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PART:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
