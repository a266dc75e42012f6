"""Secrets of a session as files, in a tar that an engine unpacks into its container."""

import posixpath
from collections.abc import Mapping
from time import time

from blocks.files.small_tar import small_tar

READ_BY_OWNER, ENTERED_BY_OWNER = 0o400, 0o500


def secrets_tar(folder: str, values: Mapping[str, bytes], user: str) -> list[bytes]:
    """Return a tar of one folder with a file for each secret, which their owner alone may read.

    Args:
        folder: its whole path.
        values: of the secrets, by name. Never log them.
        user: of the container, as "uid:gid" or "uid".
    """
    uid, _, gid = user.partition(":")
    owner = (int(uid), int(gid or 0))
    files = [(f"{folder}/{name}", content, READ_BY_OWNER) for name, content in values.items()]
    return [small_tar([(folder, None, ENTERED_BY_OWNER), *files], owner, int(time()))]


def text_tar(path: str, text: str) -> list[bytes]:
    """Return a tar of one file of root's with its folder, which any user of the container may read, and none write.

    Args:
        path: the whole one.
        text: what the file holds. Never log it.
    """
    entries = [(posixpath.dirname(path), None, 0o755), (path, text.encode(), 0o444)]
    return [small_tar(entries, changed_at=int(time()))]
