"""Restic repositories whose key costs nothing to derive, made without restic: it takes two seconds of a core for that.

restic spends half a second of a core on the key of a repository in each command, so that guessing a password is slow:
how often is for the key's own file to say, and here it says so once. All else is restic's own form, which its
docs/design.rst describes; a repository that was not right would not be opened by it.
"""

import hashlib
import json
import secrets
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

QUICK = {"N": 2, "r": 8, "p": 1}  # of scrypt; restic's own N is 32768
#: By which restic cuts streams: any irreducible polynomial of this degree will do.
POLYNOMIAL = "25b468838dcb75"
FOLDERS = ("data", "index", "keys", "locks", "snapshots")


class _Keys:
    """What encrypts, and the two halves of what vouches for it."""

    def __init__(self, of: bytes) -> None:
        self.encrypt, self.mac_k, self.mac_r = of[:32], of[32:48], of[48:64]

    def sealed(self, text: bytes) -> bytes:
        """Nonce, text under AES in counter mode, and Poly1305-AES of that."""
        nonce = secrets.token_bytes(16)
        hidden = _encrypted(AES(self.encrypt), CTR(nonce), text)
        one_time = self.mac_r + _encrypted(AES(self.mac_k), ECB(), nonce)  # noqa: S305 - one block, as Poly1305-AES is
        return nonce + hidden + Poly1305.generate_tag(one_time, hidden)

    @property
    def told(self) -> bytes:
        mac = {"k": _text(self.mac_k), "r": _text(self.mac_r)}
        return json.dumps({"mac": mac, "encrypt": _text(self.encrypt)}).encode()


def quick_repository(password: str) -> dict[str, bytes]:
    """The files of an empty repository that this password opens, by their paths in it."""
    master, salt = _Keys(secrets.token_bytes(64)), secrets.token_bytes(64)
    user = _Keys(hashlib.scrypt(password.encode(), salt=salt, n=QUICK["N"], r=QUICK["r"], p=QUICK["p"], dklen=64))
    about = {"created": "2040-01-01T00:00:00Z", "username": "test", "hostname": "test", "kdf": "scrypt", **QUICK}
    key = json.dumps(about | {"salt": _text(salt), "data": _text(user.sealed(master.told))}).encode()
    config = {"version": 2, "id": secrets.token_hex(32), "chunker_polynomial": POLYNOMIAL}
    return {
        "config": master.sealed(json.dumps(config).encode()),
        f"keys/{hashlib.sha256(key).hexdigest()}": key,
    }


def make_quick(folder: Path, password: str) -> None:
    """Make such a repository in a folder."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name, content in quick_repository(password).items():
        (folder / name).write_bytes(content)


def _encrypted(algorithm: AES, mode: CTR | ECB, text: bytes) -> bytes:
    encryptor = Cipher(algorithm, mode).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _text(content: bytes) -> str:
    return b64encode(content).decode()
