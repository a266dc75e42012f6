"""The members of an image archive: read once, in the order they come, hashed, and refused where they are hostile."""

import json
import posixpath
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from typing import BinaryIO, Literal, cast

from blocks.images.stream import Stream, digests
from blocks.tar_headers import Header, headers
from pool.errors import BrokenArchive

MAX_MEMBERS = 10_000
MAX_JSON = 4 << 20  # bytes of one JSON file; the largest manifests of registries are as large
MAX_KEPT = 32 << 20  # bytes of all JSON files of an archive
BLANKS = 64  # bytes that may stand before the first sign of a JSON file
MAX_NAME = 4096
MAX_HOPS = 8


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    digest: str  # "sha256:…" of the file as it is
    diff_id: str  # "sha256:…" of what is in it: the same, unless the file is packed
    text: bytes | None  # the whole of it, where it may be JSON
    place: tuple[int, int] | None = None  # where it begins in the archive, and its size, where it is not read yet


class Members:
    """The files of an archive by name, and the links between them.

    Args:
        listed: note where files are that hold no JSON, and leave them unread.
    """

    def __init__(self, listed: bool = False) -> None:
        self._listed = listed
        self._files: dict[str, Member] = {}
        self._links: dict[str, str] = {}
        self._kept = 0

    def find(self, name: str) -> Member:
        """Return the file of this name, links followed.

        Raises:
            BrokenArchive: there is none.
        """
        return self._files[self.resolve(name)]

    def resolve(self, name: str) -> str:
        """Name of the file that *name* stands for, links followed.

        Raises:
            BrokenArchive: there is none.
        """
        found = posixpath.normpath(name)
        for _ in range(MAX_HOPS):
            found = self._links.get(found, found)
        if found not in self._files:
            raise BrokenArchive(f"{name[:80]} is missing")
        return found

    def json(self, name: str) -> object:
        """Return what is in a JSON file.

        Raises:
            BrokenArchive: it is missing, larger than any manifest, or no JSON.
        """
        text = self.find(name).text
        if text is None:
            raise BrokenArchive(f"{name[:80]} is no JSON, or larger than {MAX_JSON >> 20} MB")
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BrokenArchive(f"{name[:80]} is no JSON") from error

    def add_file(self, name: str, content: BufferedReader, size: int, start: int) -> None:
        """Read a file to its end, or note where it starts."""
        text = None
        if size <= MAX_JSON and content.peek(1)[:BLANKS].lstrip()[:1] in (b"{", b"["):
            text = content.read()
            self._kept += len(text)
            content = BufferedReader(BytesIO(text))
        if self._kept > MAX_KEPT:
            raise BrokenArchive(f"its JSON files are larger than {MAX_KEPT >> 20} MB together")
        if self._listed and text is None:
            self._files[name] = Member("", "", None, (start, size))
        else:
            self._files[name] = Member(*digests(content), text)

    def add_link(self, name: str, target: str) -> None:
        """Remember that *name* stands for *target*."""
        self._links[name] = target

    def __contains__(self, name: str) -> bool:
        return name in self._files or name in self._links

    def __len__(self) -> int:
        return len(self._files) + len(self._links)


def read_members(stream: Stream) -> Members:
    """Read a tar stream to its end.

    Raises:
        BrokenArchive: it is no tar, truncated, or a member is hostile: outside the archive, twice there, a
            device, of an absurd size.
    """
    members = Members()
    with _opened(stream) as archive:
        for header in headers(archive):
            _take(archive, header, members)
    return members


def list_members(file: BufferedReader) -> Members:
    """Read what a plain tar on disk holds, and of its files those alone that may be JSON.

    Raises:
        BrokenArchive: as `read_members`.
    """
    members = Members(listed=True)
    with _opened(file) as archive:
        for header in headers(archive):
            _take(archive, header, members)
    return members


def each_file(source: Stream | BufferedReader, take: Callable[[str, BufferedReader], None]) -> None:
    """Hand every file of a tar to *take*, by name; what it does not read of a file on disk is not read at all.

    Raises:
        BrokenArchive: it is no tar, or truncated.
    """
    with _opened(source) as archive:
        for header in headers(archive):
            if header.isreg() and not header.issparse():
                take(posixpath.normpath(header.name), _content_of(archive, header))


def _content_of(archive: tarfile.TarFile, header: tarfile.TarInfo) -> BufferedReader:
    return cast("BufferedReader", archive.extractfile(header))  # None where the member is no file


@contextmanager
def _opened(source: Stream | BufferedReader) -> Iterator[tarfile.TarFile]:
    mode: Literal["r|", "r:"] = "r|" if isinstance(source, Stream) else "r:"  # a stream cannot go back, nor jump ahead
    file = cast("BinaryIO", source)  # of a stream, tarfile asks for nothing but to be read
    with _as_broken(), tarfile.open(fileobj=file, mode=mode, bufsize=1 << 18, tarinfo=Header) as archive:
        yield archive


def _take(archive: tarfile.TarFile, header: tarfile.TarInfo, members: Members) -> None:
    name = _inside(header.name, header.name)
    if header.isdir():
        return
    if len(members) >= MAX_MEMBERS:
        raise BrokenArchive(f"it has more than {MAX_MEMBERS} members")
    if name in members:
        raise BrokenArchive(f"the member {name[:80]} is there twice")
    if header.issym():
        members.add_link(name, _inside(posixpath.join(posixpath.dirname(name), header.linkname), header.name))
    elif header.islnk():
        members.add_link(name, _inside(header.linkname, header.name))
    elif header.isreg() and not header.issparse():
        members.add_file(name, _content_of(archive, header), header.size, header.offset_data)
    else:
        raise BrokenArchive(f"the member {name[:80]} is neither file, folder nor link")


def _inside(path: str, member: str) -> str:
    """Return the path without detours, when it stays inside the archive."""
    found = posixpath.normpath(path)
    if len(path) > MAX_NAME or found.startswith(("/", "..")) or ".." in member.split("/"):
        raise BrokenArchive(f"the member {member[:80]} points outside the archive")
    return found


@contextmanager
def _as_broken() -> Iterator[None]:
    """tarfile answers a broken file with more kinds of errors than its own."""
    try:
        yield
    except tarfile.ReadError as error:
        raise BrokenArchive(f"it is truncated or no tar archive ({error})") from error
    except (tarfile.TarError, ValueError, RecursionError, OverflowError, EOFError) as error:
        raise BrokenArchive(f"it is no tar archive ({error})") from error
