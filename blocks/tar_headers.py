"""Headers of a tar that was not written here, refused before `tarfile` believes a size in them."""

import tarfile
from collections.abc import Iterator
from typing import Self

from pool.errors import BrokenArchive

MAX_SIZE = 64 << 30  # bytes of a member; none of an image's or a course's comes near
MAX_HEADER = 64 << 10  # bytes of a long name or of pax records
#: Kinds of header whose content tarfile reads into memory.
_LONG_HEADERS = frozenset(
    (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
)


class Header(tarfile.TarInfo):
    """A member's header."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises:
            BrokenArchive: it declares an absurd size.
        """
        header = super().frombuf(buf, encoding, errors)
        _refuse_absurd(header.size, MAX_HEADER if header.type in _LONG_HEADERS else MAX_SIZE)
        return header


def headers(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of all members, each of which is forgotten again; *archive* was opened with `Header`.

    Raises:
        BrokenArchive: a member declares an absurd size. Pax records may do so, too: they win against the header, and
            would lead `tarfile` back to what it has read.
    """
    while header := archive.next():
        _refuse_absurd(header.size, MAX_SIZE)
        yield header
        archive.members.clear()  # type: ignore[attr-defined]  # not in its stub; tarfile remembers every member it has seen


def _refuse_absurd(size: int, most: int) -> None:
    if not 0 <= size <= most:
        raise BrokenArchive(f"a member declares an absurd size ({size} bytes)")
