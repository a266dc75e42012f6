"""State of drivers: key-value records that other drivers' flows keep in the pool's database."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pool.errors import BadRequest
from pool.moments import LONGEST_SPAN, after
from pool.names import check_printable, shown
from pool.printable import how_many

KEY_LENGTH = 255  # characters
MOST_BYTES = 1024 * 1024  # of a value, as the JSON that is stored
MOST_LISTED = 1000  # records in one answer
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class StateRecord:
    """One value of a driver, as it was when it was read."""

    namespace: str
    key: str
    value: Any  # as JSON has it
    version: int  # each write gives one that no record of the namespace ever had
    written_at: datetime
    expires_at: datetime | None = None  # None: it stays until it is deleted


def check_namespace(namespace: str) -> None:
    """Refuse a namespace that could not be a driver's name.

    Raises:
        BadRequest: "namespace 'my driver' is not 1 to 63 of letters, digits, ., _ and -, like DockerDriver".
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise BadRequest(
            f"namespace {shown(namespace)} is not 1 to 63 of a-z, A-Z, 0-9, ., _ and - with a letter or digit first,"
            " like BatchDriver"
        )


def check_key(key: str) -> None:
    """Refuse a key that a database or a line of a log could not hold as it is.

    Raises:
        BadRequest: "key 'a\\x00b' is not 1 to 255 printable characters".
    """
    check_printable("key", key, KEY_LENGTH, least=1, like="jobs/17")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no key can have; the empty one, that of all keys, is good.

    Raises:
        BadRequest: says what is wrong.
    """
    check_printable("prefix", prefix, KEY_LENGTH, like="jobs/")


def check_limit(limit: int) -> None:
    """Refuse to list none, or more records than one answer may have.

    Raises:
        BadRequest: says how many there may be.
    """
    if not 1 <= limit <= MOST_LISTED:
        raise BadRequest(f"limit is {limit}; it must be 1 to {MOST_LISTED} records")


def as_json(key: str, value: object) -> str:
    """Write a value as it is stored.

    Raises:
        BadRequest: it is not JSON, would come back as another value, or is too large; the value is not shown.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size, same = len(text.encode()), json.loads(text) == value
    except (TypeError, ValueError, RecursionError) as error:  # a lone surrogate is a ValueError, too
        raise BadRequest(f"the value of key {shown(key)} is not JSON: {type(error).__name__}") from error
    if not same:
        raise BadRequest(
            f"the value of key {shown(key)} is not JSON: it would come back otherwise;"
            " give objects with texts as names, lists, texts, numbers, true, false and null"
        )
    if size > MOST_BYTES:
        raise BadRequest(
            f"the value of key {shown(key)} has {how_many(size, 'byte')} as JSON; it may have {MOST_BYTES} (1 MB)"
        )
    return text


def expiry(expires_in: float | None, now: datetime) -> datetime | None:
    """Return when a record that is written now is there no longer; None: it stays.

    Raises:
        BadRequest: the seconds are none, or more than ten years.
    """
    if expires_in is None:
        return None
    if not 0 < expires_in <= LONGEST_SPAN:
        raise BadRequest(f"expires_in is {expires_in}; it must be seconds, more than 0 and at most {LONGEST_SPAN}")
    return after(now, expires_in)
