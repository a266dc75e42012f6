"""Files of the layer store: packed, verified while they are written, there as a whole or not at all."""

import fcntl
import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Protocol

import zstandard
from isal import igzip

from blocks.files.private_files import open_lock
from blocks.images.stream import CHUNK, Compression
from pool.errors import BrokenArchive

# Measured on the layers of jupyter-minimal (420 MB), CPU seconds and share of the size that is left. docs/images.md has
# all that were tried.
ZSTD_LEVEL = 3  # 2.4 s, 0.29
GZIP_LEVEL = 3  # of isa-l: 1.6 s, 0.36
SMALL_GZIP_LEVEL = 6  # of zlib: 13.8 s, 0.33; worth it for the small layers that change from version to version
SMALL = 8 << 20  # bytes that zstd makes of such a layer
SUFFIXES = {Compression.ZSTD: ".tar.zst", Compression.GZIP: ".tar.gz"}


class Content(Protocol):
    """Something to read a layer from."""

    def read(self, size: int) -> bytes:
        """At most *size* bytes; none at the end."""


def pack_layer(content: Content, diff_id: str, target: Path, compression: Compression, small: bool = False) -> None:
    """Write a layer's content to *target*, packed; tighter where it is *small*.

    Raises:
        BrokenArchive: the content is not what *diff_id* names; nothing is written.
    """
    digest = hashlib.sha256()
    with atomic_write(target) as file:
        with _packer(file, compression, small) as packer:
            while data := content.read(CHUNK):
                digest.update(data)
                packer.write(data)
        if f"sha256:{digest.hexdigest()}" != diff_id:
            raise BrokenArchive(f"the layer {diff_id[:19]}… is not what it is named by")


@contextmanager
def atomic_write(target: Path) -> Iterator[IO[bytes]]:
    """Open a new file that gets its name when it is complete and on the disk."""
    partial = NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False)  # noqa: SIM115 - renamed
    try:
        with partial:
            yield partial
            partial.flush()
            os.fsync(partial.fileno())
        Path(partial.name).rename(target)
    finally:
        Path(partial.name).unlink(missing_ok=True)


def repack_layer(source: Path, diff_id: str, target: Path, compression: Compression) -> None:
    """Write what is in a zstd file of the store to *target*, packed in another way.

    Raises:
        BrokenArchive: the file is not what it was when it was written; nothing is written.
    """
    try:
        with zstandard.ZstdDecompressor().stream_reader(source.open("rb"), closefd=True) as content:
            pack_layer(content, diff_id, target, compression, small=source.stat().st_size < SMALL)
    except zstandard.ZstdError as error:
        raise BrokenArchive(f"the layer {diff_id[:19]}… is damaged on disk ({error})") from error


@contextmanager
def locked(path: Path, how: int) -> Iterator[bool]:
    """Hold a lock between processes and threads; it ends with its holder, however that ends.

    Args:
        path: the file that stands for what is locked.
        how: `fcntl.LOCK_SH` or `LOCK_EX`, with ``| LOCK_NB`` not to wait.

    Returns:
        Whether it is held; always, unless ``LOCK_NB`` was asked for.
    """
    with open_lock(path) as file:
        try:
            fcntl.flock(file, how)
        except BlockingIOError:
            yield False
        else:
            yield True


def _packer(
    file: IO[bytes], compression: Compression, small: bool
) -> gzip.GzipFile | igzip.IGzipFile | zstandard.ZstdCompressionWriter:
    # No name and no time in a gzip file: the same layer gives the same bytes.
    if compression is Compression.GZIP and small:
        return gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=SMALL_GZIP_LEVEL, mtime=0)
    if compression is Compression.GZIP:
        return igzip.IGzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0)
    return zstandard.ZstdCompressor(ZSTD_LEVEL).stream_writer(file, closefd=False)
