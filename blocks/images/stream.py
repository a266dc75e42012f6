"""A file read as a stream of bytes, unpacked where it is packed, with a limit on what may come out."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import zlib
from enum import StrEnum
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import zstandard

from pool.errors import BrokenArchive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
MAX_UNPACKED = 64 << 30  # bytes; no notebook image comes near
MAX_RATIO = 200  # unpacked bytes per packed byte; real layers stay below 20
#: Bytes below which the ratio is not looked at: a layer may be all zeros, as the lastlog of a user with a high id is.
FREE_RATIO = 4 << 30
MAX_XZ_MEMORY = 1 << 28  # bytes; `xz -9e` asks for 65 MB
MAX_WINDOW = 1 << 27  # bytes of memory that a zstd frame may ask for: what `zstd --long` writes


class Compression(StrEnum):
    """How a file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    XZ = "xz"
    BZIP2 = "bzip2"


_MAGIC = {
    b"\x1f\x8b": Compression.GZIP,
    b"\x28\xb5\x2f\xfd": Compression.ZSTD,
    b"\x50\x2a\x4d\x18": Compression.ZSTD,  # a frame to be skipped, by which pzstd says how much follows
    b"\xfd7zXZ\x00": Compression.XZ,
    b"BZh": Compression.BZIP2,
}


def compression_of(source: BufferedReader) -> Compression:
    """Tell by the first bytes, which stay unread."""
    head = source.peek(6)
    return next((found for magic, found in _MAGIC.items() if head.startswith(magic)), Compression.NONE)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Bzip2Error(Exception):
    """What bz2 calls an OSError, as if the disk were at fault."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Unpacked:
    """One stream after the other, unpacked by a decompressor of the standard library; zeros may lie between them."""

    def __init__(self, source: _Counted, make: Callable[[], _Unpacker]) -> None:
        self._source, self._make = source, make
        self._unpacker, self._packed = make(), b""

    def read(self, size: int) -> bytes:
        data = b""
        while not data and (not self._unpacker.eof or self._next_stream()):
            data = self._unpack(size)
        return data

    def _unpack(self, size: int) -> bytes:
        if self._unpacker.needs_input and not self._packed:
            self._packed = self._source.read(CHUNK)
            if not self._packed:
                raise EOFError
        packed, self._packed = self._packed, b""
        try:
            return self._unpacker.decompress(packed, size)
        except OSError as error:
            raise _Bzip2Error(str(error)) from error

    def _next_stream(self) -> bool:
        """Whether another stream begins behind the end of this one."""
        rest = self._unpacker.unused_data.lstrip(b"\x00")
        while not rest and (more := self._source.read(CHUNK)):
            rest = more.lstrip(b"\x00")
        self._unpacker, self._packed = self._make() if rest else self._unpacker, rest
        return bool(rest)


def _xz() -> _Unpacker:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)


class _Counted:
    """Reads through to a file, counting what passes, and hashing it where a digest is wanted."""

    def __init__(self, source: BufferedReader, digest: hashlib._Hash | None) -> None:
        self._source = source
        self._digest = digest
        self.size = 0

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        self.size += len(data)
        if self._digest:
            self._digest.update(data)
        return data


class Stream:
    """What is in a file, whether it is packed or not.

    Args:
        source: the file, at its start.
        digest: fed with the bytes of the file as it is.
    """

    def __init__(self, source: BufferedReader, digest: hashlib._Hash | None = None) -> None:
        self.compression = compression_of(source)
        self._raw = _Counted(source, digest)
        self._content = _opened(self._raw, self.compression)
        self._size = 0

    def read(self, size: int) -> bytes:
        """At most *size* bytes; none at the end.

        Raises:
            BrokenArchive: it is not packed as its first bytes say, or more comes out than any image holds.
        """
        try:
            data = self._content.read(size)
        except EOFError as error:
            raise BrokenArchive("it is truncated: its compressed stream has no end") from error
        except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError, lzma.LZMAError, _Bzip2Error) as error:
            raise BrokenArchive(f"its compression is broken ({error})") from error
        self._count(len(data))
        return data

    def drain(self) -> None:
        """Pass over what is left of the file, also behind the end of what is packed in it."""
        while self._raw.read(CHUNK):
            pass

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_UNPACKED or self._size > max(FREE_RATIO, self._raw.size * MAX_RATIO):
            raise BrokenArchive(f"it unpacks to an absurd size (more than {self._size >> 20} MB)")


def digests(source: BufferedReader) -> tuple[str, str]:
    """Digests of a file as it is and of what is in it, "sha256:…" both; the same when it is not packed."""
    content = hashlib.sha256()
    whole = content if compression_of(source) is Compression.NONE else hashlib.sha256()
    stream = Stream(source, digest=whole if whole is not content else None)
    while data := stream.read(CHUNK):
        content.update(data)
    stream.drain()
    return "sha256:" + whole.hexdigest(), "sha256:" + content.hexdigest()


def _opened(raw: _Counted, compression: Compression) -> _Readable:
    file = cast("BinaryIO", raw)  # reading is all that either does with it
    if compression is Compression.GZIP:
        return gzip.GzipFile(fileobj=file)
    if compression is Compression.ZSTD:
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(file, read_across_frames=True)
    if compression in _BY_UNPACKER:
        return _Unpacked(raw, _BY_UNPACKER[compression])
    return raw


_BY_UNPACKER: dict[Compression, Callable[[], _Unpacker]] = {
    Compression.XZ: _xz,
    Compression.BZIP2: bz2.BZ2Decompressor,
}


class _Part(RawIOBase):
    """So many bytes of a file from one place on; it has a position of its own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def part_of(path: Path, start: int, size: int) -> BufferedReader:
    """Open a part of a file, to be read beside its other parts; the last reference to it closes it."""
    return BufferedReader(_Part(path, start, size), buffer_size=CHUNK)
