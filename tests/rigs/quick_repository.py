"""Restic repositories whose key costs nothing to derive, made without restic: it takes two seconds of a core for that.

All is restic's own form, which its docs/design.rst describes: restic would not open a repository that was not right.
"""

import json
import secrets
from pathlib import Path

from blocks.backups.quick_key import CONFIG, FOLDERS, KEYS, SealingKeys, quick_key

#: By which restic cuts streams: any irreducible polynomial of this degree will do.
POLYNOMIAL = "25b468838dcb75"


def quick_repository(password: str) -> dict[str, bytes]:
    """The files of an empty repository that this password opens, by their paths in it."""
    master = SealingKeys(*(secrets.token_bytes(size) for size in (32, 16, 16)))
    name, key = quick_key(master.told, password)
    config = {"version": 2, "id": secrets.token_hex(32), "chunker_polynomial": POLYNOMIAL}
    return {CONFIG: master.sealed(json.dumps(config).encode()), f"{KEYS}/{name}": key}


def make_quick(folder: Path, password: str) -> None:
    """Make such a repository in a folder."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name, content in quick_repository(password).items():
        (folder / name).write_bytes(content)
