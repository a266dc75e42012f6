"""What a session wrote to its log, as its platform and an operator may read it: bounded, and without its secrets."""

import re
from collections.abc import Sequence

from pool.errors import BadRequest
from pool.printable import is_printable
from pool.records import Instance

MOST_LINES = 1000
MOST_CHARACTERS, MOST_OF_A_LINE = 64_000, 2_000
HIDDEN = "…"
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def check_lines(lines: int) -> None:
    """Refuse a number of lines that is not answered.

    Raises:
        BadRequest: "lines is 0; it must be 1 to 1000".
    """
    if not 1 <= lines <= MOST_LINES:
        raise BadRequest(f"lines is {lines}; it must be 1 to {MOST_LINES}")


def log_lines(log: str, instance: Instance, most: int) -> list[str]:
    """Return the last lines of a log, oldest first: what can be seen of each, and so many as keep within the bound.

    Args:
        log: as the container wrote it, which may be anything.
        instance: whose it is; its token and its route are hidden.
        most: lines at the most.
    """
    secrets = [secret for secret in (instance.token, instance.route) if secret]
    kept: list[str] = []
    left = MOST_CHARACTERS
    for line in reversed(_hidden(log, secrets).splitlines()[-most:]):
        shown = _shown(line, secrets)
        left -= len(shown) + 1
        if left < 0:
            break
        kept.insert(0, shown)
    return kept


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
