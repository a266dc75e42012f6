"""What a blueprint leaves open, and a session fills in: names in braces, each a plain text, and nothing else."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from pool.records import BlueprintSpec, Instance, ProxyOptions

#: What may be filled into the Authorization header; see :func:`words_of` for commands and environments.
IN_HEADER = ("token", "user")
#: What may be filled into commands and environments.
FILLED_IN = ("base_url", "port", "token", "user", "instance_id", "timezone")
NEARLY = 0.8  # of difflib's measure: a letter too few, too many or another one
_NAME = re.compile(r"\{(\w+)\}")


def fill(text: str, words: Mapping[str, str]) -> str:
    """Fill the words in where their names stand in braces; all other braces stay, for a command may have its own.

    It is done once: what is filled in is never looked at for names again.
    """
    return _NAME.sub(lambda found: words.get(found[1], found[0]), text)


def unknown_names(text: str, known: Collection[str]) -> list[str]:
    """List the names in braces that nothing is filled in for."""
    return [name for name in _NAME.findall(text) if name not in known]


def nearly_known(text: str) -> Iterator[tuple[str, str]]:
    """Give each name in braces that is nearly one that is filled in, and that one. A program's own braces stay."""
    for name in unknown_names(text, FILLED_IN):
        if near := get_close_matches(name, FILLED_IN, 1, NEARLY):
            yield name, near[0]


def words_of(instance: Instance, blueprint: BlueprintSpec, timezone: str) -> dict[str, str]:
    """Return what is filled into a session's command and environment. One is the session's secret: never log it."""
    return {
        "base_url": instance.base_url,
        "instance_id": instance.id,
        "port": str(blueprint.port),
        "timezone": timezone,
        "token": instance.token,
        "user": instance.user,
    }


def auth_header_of(proxy: ProxyOptions, token: str, user: str) -> str:
    """Return the Authorization header that a session gets from the gateway; empty: none. Secret: never log it.

    Args:
        proxy: how the gateway talks to the session.
        token: the session's.
        user: that it is for.
    """
    return fill(proxy.auth_header, {"token": token, "user": user})
