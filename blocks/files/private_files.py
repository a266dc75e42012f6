"""Files that only their owner may read, and folders that only root may list."""

import os
import pwd
from pathlib import Path
from typing import IO


def write_private(path: Path, content: str | bytes) -> Path:
    """Write a file that only we may read; it never exists with another mode.

    Raises:
        FileExistsError: there is one.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def open_lock(path: Path) -> IO[str]:
    """Open a file that stands for what is locked, for its owner alone; made if it is not there.

    An account that may read a file may lock it, and keep it locked for as long as it likes.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)  # one that an older version left may be read by all
    return os.fdopen(descriptor, "r+")


def guard_folder(folder: Path, account: str) -> None:
    """Have a folder of ours that no other account enters; *account* may use what it knows the name of. Empty: none may.

    Raises:
        KeyError: there is no such account.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if account:
        os.chown(folder, -1, pwd.getpwnam(account).pw_gid)
    folder.chmod(0o710 if account else 0o700)
