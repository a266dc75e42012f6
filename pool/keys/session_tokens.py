"""Tokens of sessions that run: which programs take another one, and what became of each as they were rotated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pool import marks

#: File in a session with the tokens that its program accepts now, one a line; an image whose program reads it at each
#: request has the label ``dockerdriver.tokens`` with this path. Before the first rotation there is none.
TOKENS_FILE = "/run/dockerdriver/tokens"
MOST_NAMED = 20


class TokenOutcome(StrEnum):
    """What became of one session's token."""

    RENEWED = "renewed"
    KEPT = "kept until it ends"  # its program reads none but the one that it was started with, or is read-only
    LEFT = "left: its session went on"  # it ended, or is on its way to another host


@dataclass(frozen=True)
class TokenReport:
    """What became of a session's token, without the token."""

    session: str  # its id
    blueprint: str
    outcome: TokenOutcome | str  # or the trouble that there was


def takes_tokens(labels: Mapping[str, str]) -> bool:
    """Whether a container's program reads the tokens that it is to accept, by the labels of its image."""
    return labels.get(marks.TOKENS) == TOKENS_FILE


def said_of_tokens(reports: Iterable[TokenReport]) -> str:
    """Say how many tokens are new, and which sessions keep theirs."""
    found = list(reports)
    renewed = sum(one.outcome == TokenOutcome.RENEWED for one in found)
    kept = [one.session for one in found if one.outcome == TokenOutcome.KEPT]
    more = f" and {len(kept) - MOST_NAMED} more" if len(kept) > MOST_NAMED else ""
    words = f"; those of {', '.join(kept[:MOST_NAMED])}{more} stay until these end" if kept else ""
    return f"{renewed} are new{words}"
