"""Which backup a session begins with, and which one is offered where that cannot be."""

from collections.abc import Iterable, Sequence

from pool.backups.backup import Backup
from pool.backups.states import LOST_FAULTS, BackupState
from pool.errors import NotFound, Refused
from pool.records import Instance

NOTHING, NEWEST = "none", "newest"  # as the option restore: begin with nothing, or with the newest backup


def brings_back(instance: Instance) -> bool:
    """Whether the session begins with a backup, if there is one; whose work it would be must be known.

    One that comes from another host begins with its own, whatever its request said.
    """
    wanted = instance.options.get("restore") or (NEWEST if instance.keep.comes_back else NOTHING)
    return bool(instance.keep.paths and instance.user and wanted != NOTHING) or bool(instance.carried)


def brings_newest_back(instance: Instance) -> bool:
    """Whether it begins with the newest backup, rather than with one that was named."""
    newest = instance.options.get("restore", NEWEST) in ("", NEWEST)
    return brings_back(instance) and newest and not instance.carried


def is_of_same_work(one: Instance, other: Instance) -> bool:
    """Whether what is kept of the one session comes back in the other."""
    whose = (one.pool, one.blueprint, one.user)
    return one.id != other.id and whose == (other.pool, other.blueprint, other.user)


def own_backups(instance: Instance, backups: Iterable[Backup]) -> list[Backup]:
    """List those that were made of this very session, and not of an earlier one of its name.

    Args:
        instance: the session.
        backups: of all sessions of its name, in any state.
    """
    return [one for one in backups if one.begun_at >= instance.created_at]


def in_order(backups: Iterable[Backup]) -> list[Backup]:
    """Sort backups, the newest first."""
    return sorted(backups, key=lambda one: (one.begun_at, one.id), reverse=True)


def to_restore(backups: Sequence[Backup], wanted: str = "") -> Backup | None:
    """Choose the backup that a session begins with; None: it begins with nothing.

    Args:
        backups: of this user and blueprint, in any state.
        wanted: id of one of them; "none": nothing; "newest", or empty: the newest that counts.

    Raises:
        NotFound: none has this id.
        Refused: the one with this id does not count; the message names the newest that does.
    """
    good = [one for one in in_order(backups) if one.counts]
    if wanted == NOTHING:
        return None
    if wanted in ("", NEWEST):
        return good[0] if good else None
    named = next((one for one in backups if one.id == wanted), None)
    if named is None:
        raise NotFound(f"no backup of this user and blueprint is named {wanted!r}; {_offer(good)}")
    if not named.counts:
        why = f": {named.reason}" if named.reason else ""
        raise Refused(f"backup {wanted} is {named.state}{why}; {_offer(good)}")
    return named


def offer_before(backup: Backup, backups: Iterable[Backup]) -> str:
    """Name the backup that a session may begin with where this one cannot be read now; empty: there is none.

    Args:
        backup: that was to be restored.
        backups: of its user and blueprint, in any state; of no particular user none is offered.
    """
    before = next((one for one in in_order(backups) if one.counts and one.begun_at < backup.begun_at), None)
    return f"; the one before is {before.id}: the option restore names it" if before and backup.user else ""


def check_nothing_is_lost(instance: Instance, backups: Iterable[Backup]) -> None:
    """Refuse to begin with nothing where there were backups, and none of them can be read any more.

    That is looked up in the records: the run that found it out may have died, and its user asks again.

    Args:
        instance: the session.
        backups: of its user and blueprint, in any state; none of them counts.

    Raises:
        Refused: one was damaged or lost; the message says how a session begins without.
    """
    lost = [one for one in in_order(backups) if one.state is BackupState.FAILED and one.fault in LOST_FAULTS]
    if lost:
        raise Refused(
            f"instance {instance.id} does not begin without the work of its user: none of the backups of"
            f" {instance.user} can be read any more ({lost[0].reason}); the option restore none begins with nothing"
        )


def _offer(good: Sequence[Backup]) -> str:
    return f"the newest that can be restored is {good[0].id}" if good else "there is none that can be restored"
