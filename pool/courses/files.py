"""The files of a course: what they may be called, and how a session has them."""

import re
from posixpath import normpath

from pool.errors import BadRequest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OF_THE_SYSTEM = ("bin", "dev", "etc", "lib", "proc", "root", "run", "sbin", "sys", "usr", "var")
MOST_MB = 200  # of all files of a course: each of its sessions is started with them
MOST_FILES = 5000


def check_files_name(name: str) -> None:
    """Refuse a name that leads out of the folder of courses; empty is none.

    Raises:
        BadRequest: "files '../etc' is no name of a folder or archive in courses/, like bio101 or bio101.tar.gz".
    """
    if name and not _NAME.fullmatch(name):
        raise BadRequest(f"files {name[:80]!r} is no name of a folder or archive in courses/, like bio101.tar.gz")


def check_files_at(folder: str) -> None:
    """Refuse a place that is no whole path of a folder of its own.

    Raises:
        BadRequest: "'course' is no place for files: name a folder of its own by its whole path, as in /course".
    """
    if (
        not folder.startswith("/")
        or normpath(folder) != folder
        or folder.strip("/") in ("", *_OF_THE_SYSTEM)
        or not folder.isprintable()
    ):
        raise BadRequest(f"{folder!r} is no place for files: name a folder of its own by its whole path, as in /course")
