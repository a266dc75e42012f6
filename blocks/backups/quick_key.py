"""A key file of a restic repository in a directory that opens at once, for a key that no guess finds.

restic derives each key by a scrypt that takes a third of a second of a core and 60 MB, in each command, so that a
password is slow to guess. The key that `make up` and a rotation make is 32 random bytes, which cannot be guessed
however quick a try is: each backup, restore and list would pay for nothing. How much work a key takes is for its own
file to say. All else is restic's own form, which its design.rst describes; restic itself is asked whether it opens.
"""

import hashlib
import json
import os
import re
import secrets
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

WORK = {"N": 1024, "r": 8, "p": 1}  # of scrypt, 1 MB and 3 ms; restic's own N is 32768
MADE = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes, as `secrets.token_urlsafe` writes them
DIFFERENT = 20  # letters at least, of 43 random ones: of a million keys one has fewer
KEYS, CONFIG = "keys", "config"
FOLDERS = ("data", "index", KEYS, "locks", "snapshots")  # of each repository


class SealingKeys:
    """What encrypts, and the two halves of what vouches for it."""

    def __init__(self, encrypt: bytes, mac_k: bytes, mac_r: bytes) -> None:
        self._encrypt, self._mac_k, self._mac_r = encrypt, mac_k, mac_r

    @classmethod
    def derived(cls, password: str, salt: bytes) -> "SealingKeys":
        """Derive them from a password, as `WORK` says."""
        of = hashlib.scrypt(password.encode(), salt=salt, n=WORK["N"], r=WORK["r"], p=WORK["p"], dklen=64)
        return cls(of[:32], of[32:48], of[48:])

    def sealed(self, text: bytes) -> bytes:
        """Nonce, text under AES in counter mode, and Poly1305-AES of that."""
        nonce = secrets.token_bytes(16)
        hidden = _encrypted(AES(self._encrypt), CTR(nonce), text)
        one_time = self._mac_r + _encrypted(AES(self._mac_k), ECB(), nonce)  # noqa: S305 - one block, as Poly1305-AES is
        return nonce + hidden + Poly1305.generate_tag(one_time, hidden)

    @property
    def told(self) -> dict[str, Any]:
        """What restic writes of them: `cat masterkey` says the same."""
        return {"mac": {"k": text_of(self._mac_k), "r": text_of(self._mac_r)}, "encrypt": text_of(self._encrypt)}


def is_random(key: str) -> bool:
    """Whether a key is of our making: an operator's own words may be guessed, and stay slow to try.

    Words of just that length, without a blank between them, have neither digits and capitals nor as many letters.
    """
    is_mixed = all(any(map(kind, key)) for kind in (str.isdigit, str.isupper, str.islower))
    return bool(MADE.fullmatch(key)) and is_mixed and len(set(key)) >= DIFFERENT


def quick_key(master: dict[str, Any], password: str) -> tuple[str, bytes]:
    """Make the key file; its name, and what is in it.

    Args:
        master: the repository's inner keys, as restic tells them.
        password: that is to open them.
    """
    salt = secrets.token_bytes(64)
    made = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    about = {
        "created": made,
        "username": "dockerdriver",
        "hostname": "",
        "kdf": "scrypt",
        **WORK,
        "salt": text_of(salt),
    }
    data = SealingKeys.derived(password, salt).sealed(json.dumps(master).encode())
    content = json.dumps(about | {"data": text_of(data)}).encode()
    return hashlib.sha256(content).hexdigest(), content


def copied(folder: Path, beside: Path, name: str, content: bytes) -> None:
    """Make as much of a repository of another folder as it takes to try a key file of that one.

    Raises:
        OSError: it cannot be read, or written there.
    """
    for one in FOLDERS:
        (beside / one).mkdir()
    (beside / CONFIG).write_bytes((folder / CONFIG).read_bytes())
    (beside / KEYS / name).write_bytes(content)


def placed(folder: Path, name: str, content: bytes) -> Path:
    """Put a key file into the repository in a folder: as a whole, or not at all, whenever the machine stops.

    Raises:
        OSError: it cannot be written there.
    """
    new, file = folder / f"new-{name}", folder / KEYS / name  # beside the folders that restic looks into
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to:
        to.write(content)
        to.flush()
        os.fsync(to.fileno())
    new.replace(file)
    _settle(folder / KEYS)
    return file


def file_of(folder: Path, named: str) -> Path:
    """Find the file of a key by its name, or the first letters of it.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = [*(folder / KEYS).glob(f"{named}*")] if named else []
    [file] = found
    return file


def _settle(folder: Path) -> None:
    """Have the disk hold the names of a folder, before the key that they replace goes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def text_of(content: bytes) -> str:
    """Write bytes as restic's JSON does."""
    return b64encode(content).decode()


def _encrypted(algorithm: AES, mode: CTR | ECB, text: bytes) -> bytes:
    encryptor = Cipher(algorithm, mode).encryptor()
    return encryptor.update(text) + encryptor.finalize()
