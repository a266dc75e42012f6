"""Tars of a few small files, made in memory: what is put into a container, or makes the image of one."""

import io
import tarfile
from collections.abc import Iterable

ROOT = (0, 0)


def small_tar(
    entries: Iterable[tuple[str, bytes | None, int]], owner: tuple[int, int] = ROOT, changed_at: int = 0
) -> bytes:
    """Return a tar of files and folders.

    Args:
        entries: of each its path, what is in it (None: it is a folder) and its mode, a folder before what is in it.
        owner: uid and gid of them all.
        changed_at: their time, in seconds since 1970.
    """
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for path, content, mode in entries:
            info = tarfile.TarInfo(path.strip("/"))
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.mode, info.size, info.mtime = mode, len(content or b""), changed_at
            info.uid, info.gid = owner
            tar.addfile(info, io.BytesIO(content or b""))
    return made.getvalue()
