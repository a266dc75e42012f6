"""Files of courses on the manager, as the tar that a session of the course is given before it starts."""

import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from blocks.tar_headers import Header, headers
from pool.courses.course import Course
from pool.courses.files import MOST_FILES, MOST_MB, check_files_name
from pool.errors import BrokenArchive, NotFound, Refused

CHUNK = 1 << 20
MB = 1 << 20
READ_ONLY, READ_AND_ENTER = 0o444, 0o555
MAY_RUN = 0o111
#: What reading raises where a file is not whole, or is changed meanwhile.
BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, BrokenArchive)
Members = Generator[tuple[tarfile.TarInfo, IO[bytes] | None]]


class CourseFiles:
    """The folder ``courses/``, where operators put folders and tar archives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tar(self, course: Course) -> Iterator[bytes]:
        """Read all files of a course as a tar with names from the root: of root, and without a right to write.

        Raises:
            NotFound: "course bio101: bio101.tar.gz is not in /…/courses".
            Refused: they are more than `MOST_MB` or `MOST_FILES`, cannot be read, or hold a link or a device; nothing
                was read out.
        """
        check_files_name(course.files)
        source = self._folder / course.files
        with TemporaryFile() as made:
            try:
                _write(made, source, course)
            except FileNotFoundError:
                raise NotFound(f"course {course.name}: {source.name} is not in {source.parent}") from None
            except BROKEN as error:
                raise Refused(f"course {course.name}: {source.name} cannot be read: {error}") from None
            made.seek(0)
            yield from iter(lambda: made.read(CHUNK), b"")


def _write(made: IO[bytes], source: Path, course: Course) -> None:
    members = _in_folder(source, course) if source.is_dir() else _in_archive(source, course)
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar, closing(members):
        _add_folder(tar, course.files_at)
        _add(tar, members, course)


def _add(tar: tarfile.TarFile, members: Members, course: Course) -> None:
    size = files = 0
    for info, content in members:
        size, files = size + info.size, files + 1
        if size > MOST_MB * MB or files > MOST_FILES:
            most = f"{MOST_MB} MB or {MOST_FILES} files"
            raise Refused(f"course {course.name}: its files are more than {most}, and each session would have them")
        mode = READ_AND_ENTER if info.isdir() or info.mode & MAY_RUN else READ_ONLY
        tar.addfile(_owned(info, f"{course.files_at}/{info.name}", mode), content)


def _add_folder(tar: tarfile.TarFile, path: str) -> None:
    info = tarfile.TarInfo()
    info.type = tarfile.DIRTYPE
    tar.addfile(_owned(info, path, READ_AND_ENTER))


def _owned(info: tarfile.TarInfo, path: str, mode: int) -> tarfile.TarInfo:
    info.name, info.mode = path.strip("/"), mode
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.pax_headers = {}
    info.type = tarfile.DIRTYPE if info.isdir() else tarfile.REGTYPE  # of a sparse file all is written
    return info


def _in_archive(source: Path, course: Course) -> Members:
    """Yield each file and folder with its content; names are below the source. Raises like `_in_folder`."""
    with tarfile.open(source, tarinfo=Header) as archive:
        for info in headers(archive):
            if name := _checked(info, course):
                info.name = name
                yield info, archive.extractfile(info) if info.isreg() else None


def _in_folder(source: Path, course: Course) -> Members:
    """Yield the same of a folder.

    It is gone through by folders that are open, and no link is followed: who may write there cannot, by a link that is
    laid meanwhile, have read out what they may not read themselves.

    Raises:
        Refused: there is what is no file and no folder.
        OSError: it cannot be read; ELOOP is a link that was laid meanwhile.
    """
    root = source.resolve()
    for folder, folders, files, opened in os.fwalk(root, onerror=_raised):
        folders.sort()
        for name in sorted((*folders, *files)):
            info = _info_of(os.lstat(name, dir_fd=opened), str((Path(folder) / name).relative_to(root)))
            _checked(info, course)
            if not info.isreg():
                yield info, None
                continue
            number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened)
            with os.fdopen(number, "rb") as content:
                info = _info_of(os.fstat(number), info.name)
                _checked(info, course)
                yield info, content


def _raised(error: OSError) -> None:
    raise error


def _info_of(found: os.stat_result, name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    if stat.S_ISREG(found.st_mode):
        info.size = found.st_size
    else:
        info.type = tarfile.DIRTYPE if stat.S_ISDIR(found.st_mode) else tarfile.SYMTYPE  # which is refused
    return info


def _checked(info: tarfile.TarInfo, course: Course) -> str:
    """Return the member's name below the folder; empty: it is the folder itself."""
    parts = [part for part in info.name.split("/") if part not in ("", ".")]
    if not (info.isreg() or info.isdir()) or ".." in parts or info.name.startswith("/"):
        raise Refused(f"course {course.name}: {info.name!r} in its files is no plain file or folder, as links are not")
    return "/".join(parts)
