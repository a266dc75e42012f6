"""Files that only their owner may read."""

import os
from pathlib import Path


def write_private(path: Path, content: str | bytes) -> Path:
    """Write a file that only we may read; it never exists with another mode.

    Raises:
        FileExistsError: there is one.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path
