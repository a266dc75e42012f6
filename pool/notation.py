"""How operators write lists, times and sizes in settings: one reader for each, for every place where one is written."""

import json
import re
from collections.abc import Collection, Iterable

from pool.errors import BadRequest, NotFound
from pool.faults import Faults

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(
    r"([0-9]+)\s*(s(?:ecs?|econds?)?|m(?:ins?|inutes?)?|h(?:rs?|ours?)?|d(?:ays?)?|w(?:eeks?)?)(?![a-z])\s*",
    re.IGNORECASE,
)
_SIZE = re.compile(r"([0-9]+)\s*(?:([mgt])i?b?)?", re.IGNORECASE)
#: As an address of IPv6 stands in a reference or a URL: no list of JSON begins so.
_ADDRESS = re.compile(r"\s*\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]")
_MEGABYTES = {"": 1, "m": 1, "g": 1 << 10, "t": 1 << 20}


def read_list(text: str) -> list[str]:
    """Read texts that stand between commas; between semicolons or on lines, where there is one; or as JSON.

    Raises:
        BadRequest: it begins as JSON and is no list of texts.
    """
    if text.lstrip().startswith("[") and not _ADDRESS.match(text):
        return _json_list(text)
    sign = next((sign for sign in ";\n" if sign in text), ",")
    return [word.strip() for word in text.split(sign) if word.strip()]


def write_list(words: list[str]) -> str:
    """Write a list so that `read_list` gives it again."""
    return json.dumps(words, ensure_ascii=False)


def read_seconds(text: str) -> int:
    """Read a time: "300" are seconds; "5m", "4 hours", "1h 30min" and "2d" say their units.

    Raises:
        BadRequest: it is none.
    """
    if re.fullmatch(r"\s*[0-9]+\s*", text):
        return int(text.strip())  # it knows more kinds of blanks than int does
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise BadRequest(f"{text[:40]!r} is no time; write seconds, or a unit, like 300, 5m or 1h 30m")
    return sum(int(number) * _SECONDS[unit[0].lower()] for number, unit in parts)


def read_megabytes(text: str) -> int:
    """Read a size: "512" are MB; "512M", "2Gi", "2 GiB" and "1TB" say their units, each 1024 of the one before.

    Raises:
        BadRequest: it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise BadRequest(f"{text[:40]!r} is no size; write MB, or a unit, like 512, 512M or 2G")
    return int(found[1]) * _MEGABYTES[(found[2] or "").lower()]


def _json_list(text: str) -> list[str]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, list) or not all(isinstance(word, str) for word in read):
        raise BadRequest(f"{text[:40]!r} is no list; write texts with commas between them")
    return read


def read_assignment(word: str, example: str) -> tuple[str, str]:
    """Read ``NAME=value``: the name, without blanks around it, and the value as it stands.

    Args:
        word: of a command line or a form.
        example: of one that is right, for the refusal.

    Raises:
        BadRequest: it has no name or no equals sign.
    """
    name, sign, value = word.partition("=")
    if not (sign and name.strip()):
        raise BadRequest(f"{word[:60]!r} sets nothing: write NAME=value, like {example}")
    return name.strip(), value


def read_assignments(
    words: Iterable[str], example: str, known: Collection[str], has_none: str, faults: Faults
) -> dict[str, str]:
    """Read ``NAME=value`` words of known names, and note what is wrong with the others.

    Args:
        words: of a command line.
        example: of one that is right, for the refusal.
        known: all names that there are.
        has_none: what is said of names that are not known, as in "a pool has no setting".
        faults: where a BadRequest is noted for a word of another form, and a NotFound for all names that are not known.
    """
    asked: dict[str, str] = {}
    for word in words:
        with faults.gathered():
            name, value = read_assignment(word, example)
            asked[name] = value
    with faults.gathered():
        check_known(asked, known, has_none)
    return {name: value for name, value in asked.items() if name in known}


def check_known(names: Iterable[str], known: Collection[str], has_none: str) -> None:
    """Refuse names that are not known.

    Raises:
        NotFound: names all of them, and those that there are: "a pool has no setting 'DD_X'; known: …".
    """
    if unknown := [f"{name[:60]!r}" for name in names if name not in known]:
        raise NotFound(f"{has_none} {', '.join(unknown)}; known: {', '.join(known)}")
