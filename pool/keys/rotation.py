"""Which step of a key's rotation is next, given what is stored.

A rotation is: make the next key, have all that check it trust both, use the new one, have them trust that alone, forget
the old one. What is stored says how far it came, so a run that follows one that died goes on and begins nothing.
"""

from dataclasses import dataclass
from enum import StrEnum


class RotatedKey(StrEnum):
    """What can be rotated."""

    AUTHORITY = "authority"  # signs the certificates of engines and of their clients; all of these become new with it
    CERTIFICATES = "certificates"  # of the hosts' engines, by the same authority
    LOGIN = "login-key"  # that the manager logs in to hosts with
    LINKS = "link-keys"  # sign launch links, and the cookies that these leave
    PASSWORD = "api-password"  # noqa: S105 - the name of a kind, of Prefect's API

    BACKUPS = "backup-key"  # opens the repository of backups
    TOKENS = "session-tokens"  # of sessions that run, which the gateway presents to them


#: What becomes new where nothing is named. The authority brings new certificates along; the key of the backups is not
#: among them, since an operator has to put a copy of the new one away.
ALL_KEYS = (RotatedKey.AUTHORITY, RotatedKey.LOGIN, RotatedKey.LINKS, RotatedKey.PASSWORD)
#: Browsers, platforms and safes hold what came of these, out of our reach: the old ones are good until retired.
HELD_OUTSIDE = frozenset({RotatedKey.LINKS, RotatedKey.PASSWORD, RotatedKey.BACKUPS})


class RotationStep(StrEnum):
    """One step; each may be done again."""

    BEGIN = "begin"  # store the next key beside the present one
    SPREAD = "spread"  # have all that check it trust what is to be trusted now
    PROMOTE = "promote"  # use the next one; the present one becomes the previous
    RETIRE = "retire"  # forget the previous one
    END = "end"  # nothing is left to be done


@dataclass(frozen=True)
class Progress:
    """How far the rotation of a key came."""

    has_next: bool  # a next key is stored that is not used yet
    has_previous: bool  # the old key is stored
    is_known: bool = False  # all that check it trust what is to be trusted with what is stored now
    is_begun: bool = False  # this run did a step


def next_step(progress: Progress, ends_old: bool, begins: bool = True) -> RotationStep:
    """Say what comes next; a rotation that was begun is ended before another one begins.

    Args:
        progress: what is stored, and what this run did.
        ends_old: whether the old key is to be forgotten.
        begins: whether a new rotation may begin.
    """
    spread = None if progress.is_known else RotationStep.SPREAD
    if progress.has_next:
        return spread or RotationStep.PROMOTE
    if progress.has_previous and ends_old:
        return spread or RotationStep.RETIRE
    over = progress.has_previous or progress.is_begun or not begins
    return RotationStep.END if over else RotationStep.BEGIN


def ends_old(key: RotatedKey, found: Progress, retire: bool) -> bool:
    """Whether a run forgets the old key.

    Args:
        key: which.
        found: as the run found it; what became the old one in this very run, others still hold.
        retire: whether the operator wants what others hold to end.
    """
    return key not in HELD_OUTSIDE or (retire and not found.has_next)


def words_of(key: RotatedKey, progress: Progress) -> str:
    """Say in a sentence how a run of a key's rotation ended."""
    if progress.has_previous:
        return f"{key}: the new one is in use, and the one before is taken too until it is retired"
    return f"{key}: done, one of them is trusted" if progress.is_begun else f"{key}: there is nothing to retire"
