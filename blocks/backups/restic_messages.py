"""What restic says, in words and in JSON, and what that means."""

import json
import re
from datetime import datetime
from typing import Any

from pool.backups.snapshots import Snapshot
from pool.backups.states import BackupTrouble

NOT_THERE = "Is there a repository at the following location?"
ABSENT = ("no such file or directory", "does not exist")  # how a directory, and an S3 store, say that of a file
LOCKED = "already locked"
WRONG_KEY = "wrong password or no key found"
#: How it says of a part that it is damaged; the last two where parts are read by the file, and may be compressed
#: (restic 0.17 and later: pull request 4605 of restic/restic, issue 5220).
DAMAGED = (
    "decrypting blob",
    "ciphertext verification failed",
    "returned invalid hash",
    "decompressing blob",
    "wrong data returned, hash is",
)
PACK = re.compile(r"<data/([0-9a-f]+)")  # how it names the file that a part is in, by its first letters
#: How `check` says that a file is short: in the same words from 0.12 (issue 3461 of restic/restic) to 0.18 (issue
#: 21953) and in the code after it. What a reader is told of such a file differs by version and store.
SIZE = "unexpected file size"


def says_absent(said: str) -> bool:
    """Whether no repository was made yet: restic asks for one, too, of a store that does not answer or refuses."""
    return NOT_THERE in said and any(words in said for words in ABSENT)


def says_spoiled(said: str) -> bool:
    """Whether a part is damaged or lost. One that is cut short looks like a connection that broke off."""
    is_lost = bool(named_pack(said)) and any(words in said for words in ABSENT)
    return is_lost or any(words in said for words in DAMAGED)


def named_pack(said: str) -> str:
    """Return how the name begins of the file that was read last; empty: none is named."""
    return next(reversed(PACK.findall(said)), "")


def said_of_size(said: str, pack: str) -> str:
    """Return what ``restic check`` says of the size of a file; empty: nothing.

    Args:
        said: all that it wrote of errors, a line for each.
        pack: how the file's name begins.
    """
    lines = (line[line.find("pack ") :].strip() for line in said.splitlines() if SIZE in line)
    return next((line for line in lines if line.startswith(f"pack {pack}")), "")


def summary_of(said: bytes) -> dict[str, Any]:
    """Return what it says at the end of a backup.

    Raises:
        BackupTrouble: it did not say it.
    """
    messages = [json.loads(line) for line in said.splitlines() if line.startswith(b"{")]
    for message in messages:
        if message.get("message_type") == "summary":
            return message
    raise BackupTrouble("restic did not say which snapshot it wrote")


def snapshot_of(listed: dict[str, Any]) -> Snapshot:
    """Read one snapshot of its list."""
    written_at = datetime.fromisoformat(_whole_microseconds(listed["time"]))
    return Snapshot(written_at, next(iter(listed.get("tags") or ()), ""))


def _whole_microseconds(text: str) -> str:
    """Cut the nanoseconds of Go, which Python does not read."""
    moment, _, fraction = text.removesuffix("Z").partition(".")
    return f"{moment}.{fraction[:6].ljust(6, '0')}+00:00" if text.endswith("Z") else text
