"""What a session wrote to its log, as its platform and an operator may read it: bounded, and without its secrets."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pool.errors import BadRequest
from pool.printable import is_printable
from pool.records import Instance

MOST_LINES = 1000
MOST_CHARACTERS, MOST_OF_A_LINE = 64_000, 2_000
HIDDEN = "…"
LEFT_OUT = "… lines are left out: more were written at once than are read …"
#: As engines write it, so that text sorts as time does.
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class LogLine(NamedTuple):
    """One line, and when it was written, in UTC with nine decimals: what is read after it has a later moment."""

    at: str
    line: str


def check_lines(lines: int) -> None:
    """Refuse a number of lines that is not answered.

    Raises:
        BadRequest: "lines is 0; it must be 1 to 1000".
    """
    if not 1 <= lines <= MOST_LINES:
        raise BadRequest(f"lines is {lines}; it must be 1 to {MOST_LINES}")


def second_of(since: str) -> int:
    """Return the second in which a line was written after which is read, since 1970; 0: of all lines.

    Raises:
        BadRequest: "since is '1'; that is no moment of a line: give the `at` of the last one".
    """
    if not since:
        return 0
    try:
        if not _MOMENT.fullmatch(since):
            raise ValueError
        return int(datetime.fromisoformat(since[:19] + "+00:00").timestamp())
    except ValueError:
        raise BadRequest(
            f"since is {since[:40]!r}; that is no moment of a line: give the `at` of the last one"
        ) from None


def log_lines(log: str, instance: Instance, most: int) -> list[str]:
    """Return the last lines of a log, oldest first: what can be seen of each, and so many as keep within the bound.

    Args:
        log: as the container wrote it, which may be anything.
        instance: whose it is; its token and its route are hidden.
        most: lines at the most.
    """
    secrets = _secrets_of(instance)
    lines = [LogLine("", line) for line in _hidden(log, secrets).splitlines()]
    return [one.line for one in _bounded(lines, secrets, most)]


def dated_lines(log: str, instance: Instance, most: int, since: str = "") -> list[LogLine]:
    """Return the same with the moment of each line, of those that were written after one that was read before.

    Args:
        log: as the container wrote it, each line after its moment. With one line more than *most* of it is known
            whether there are others.
        instance: as above.
        most: likewise.
        since: moment of the line after which is read; a first line says so if some are left out. Empty: of all lines.
    """
    secrets = _secrets_of(instance)
    wanted = [line for line in _dated(_hidden(log, secrets)) if line.at > since]
    kept = _bounded(wanted, secrets, most)
    return [LogLine(since, LEFT_OUT), *kept] if since and len(kept) < len(wanted) else kept


def _bounded(lines: Sequence[LogLine], secrets: Sequence[str], most: int) -> list[LogLine]:
    kept: list[LogLine] = []
    left = MOST_CHARACTERS
    for at, line in reversed(lines[-most:]):
        shown = _shown(line, secrets)
        left -= len(shown) + 1
        if left < 0:
            break
        kept.insert(0, LogLine(at, shown))
    return kept


def _secrets_of(instance: Instance) -> list[str]:
    return [secret for secret in (instance.token, instance.route) if secret]


def _dated(log: str) -> list[LogLine]:
    """The lines of a log, each with the moment that stands before it; what other characters part has the same one."""
    found: list[LogLine] = []
    for written in log.split("\n"):
        at, _, text = written.partition(" ")
        if _MOMENT.fullmatch(at):
            found += [LogLine(at, line) for line in text.splitlines() or [""]]
    return found


def _shown(line: str, secrets: Sequence[str]) -> str:
    """What can be seen of a line. Secrets are looked for in that once more: a colour may begin in the midst of one."""
    plain = _COLOURS.sub("", line[: 2 * MOST_OF_A_LINE]).expandtabs()
    seen = "".join(character for character in plain if is_printable(character)).rstrip()
    seen = _hidden(seen, secrets)
    return seen if len(seen) <= MOST_OF_A_LINE else seen[:MOST_OF_A_LINE] + HIDDEN


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
