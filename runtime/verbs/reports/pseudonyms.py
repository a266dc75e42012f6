"""The key that pseudonyms of users are made with: kept beside the other secrets of an installation."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from blocks.files.private_files import write_private
from blocks.settings import ProcessSettings


def pseudonym_key(settings: ProcessSettings) -> bytes:
    """Return the key, in ``DD_DATA/pseudonym-key`` with mode 600; made when it is asked for first.

    Without this file the reader of a report can test no guess of a name.
    """
    file = settings.data / "pseudonym-key"
    if not file.exists():
        _make(file)
    return file.read_bytes()


def _make(file: Path) -> None:
    """Write a whole file or none; of two processes at once the first one's stays."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        write_private(draft, secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
