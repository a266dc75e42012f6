"""Secrets of a session as files, in a tar that an engine unpacks into its container."""

import io
import posixpath
import tarfile
from collections.abc import Mapping
from time import time

READ_BY_OWNER, ENTERED_BY_OWNER = 0o400, 0o500
ROOT = (0, 0)


def secrets_tar(folder: str, values: Mapping[str, bytes], user: str) -> list[bytes]:
    """Return a tar of one folder with a file for each secret, which their owner alone may read.

    Args:
        folder: its whole path.
        values: of the secrets, by name. Never log them.
        user: of the container, as "uid:gid" or "uid".
    """
    uid, _, gid = user.partition(":")
    owner = (int(uid), int(gid or 0))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        _add(tar, folder, None, owner, ENTERED_BY_OWNER)
        for name, content in values.items():
            _add(tar, f"{folder}/{name}", content, owner, READ_BY_OWNER)
    return [made.getvalue()]


def text_tar(path: str, text: str) -> list[bytes]:
    """Return a tar of one file of root's with its folder, which any user of the container may read, and none write.

    Args:
        path: the whole one.
        text: what the file holds. Never log it.
    """
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        _add(tar, posixpath.dirname(path), None, ROOT, 0o755)
        _add(tar, path, text.encode(), ROOT, 0o444)
    return [made.getvalue()]


def _add(tar: tarfile.TarFile, path: str, content: bytes | None, owner: tuple[int, int], mode: int) -> None:
    info = tarfile.TarInfo(path.strip("/"))
    info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    info.mode = mode
    info.size, info.mtime = len(content or b""), int(time())
    info.uid, info.gid = owner
    tar.addfile(info, io.BytesIO(content or b""))
