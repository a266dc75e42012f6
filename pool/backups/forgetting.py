"""Which backups are deleted: those beyond the number and the age that their pool keeps."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from pool.backups.backup import Backup
from pool.backups.choosing import in_order
from pool.backups.states import BackupState

UNCOUNTED_DAYS = 30  # that one which does not count is kept, for an operator who looks what is in it
RECORD_DAYS = 90  # that the record of a forgotten one is kept


def to_forget(
    backups: Iterable[Backup], kept: int, days: int, now: datetime, carried: Container[str] = ()
) -> list[Backup]:
    """List the backups that are not needed any more.

    Those that count go by number and age; those that do not, and that no run will go on with, by age alone. Of several
    in which nothing had changed, so that they are one snapshot, the first and the last stay, and are one in number.

    Args:
        backups: of any users and blueprints, in any state.
        kept: how many of one user and blueprint stay, the newest ones; at least one does. Of sessions that name no
            user, which may be of different people, so many of each session.
        days: after which each goes, the newest as well; 0: never.
        now: the moment of asking.
        carried: ids of those that sessions take to another host now; they stay.
    """
    oldest = now - timedelta(days=days) if days else None
    every = [one for one in backups if one.id not in carried]
    good = sorted((one for one in every if one.counts), key=_whose)
    gone: list[Backup] = []
    for _, group in groupby(good, key=_whose):
        ordered = in_order(group)
        versions = _versions(ordered)
        newest = {version: one for one in reversed(ordered) for version in [versions[one.id]]}
        stay = [*dict.fromkeys(versions[one.id] for one in ordered)][: max(kept, 1)]
        ends = {*stay, *(newest[version].id for version in stay)}
        gone += [one for one in ordered if one.id not in ends or (oldest and one.begun_at < oldest)]
    return gone + [one for one in every if _never_counted(one, now)]


def _versions(ordered: Sequence[Backup]) -> dict[str, str]:
    """Which backup each is the same as, by ids: the one that it stands on, where nothing had changed, or itself."""
    known, versions = {one.id: one for one in ordered}, dict[str, str]()
    for one in reversed(ordered):
        base = known.get(one.base)
        versions[one.id] = versions.get(base.id, base.id) if base and base.snapshot == one.snapshot else one.id
    return versions


def _never_counted(backup: Backup, now: datetime) -> bool:
    """Whether a backup did not count for so long that it never will."""
    over = backup.counts or backup.state is BackupState.FORGOTTEN
    return not over and backup.state_since < now - timedelta(days=UNCOUNTED_DAYS)


def why_forgotten(backup: Backup) -> str:
    """Say why a backup that is not needed any more is forgotten; of one that never counted, what went wrong with it."""
    return "too old, or newer ones are enough" if backup.counts else f"it never counted: {backup.reason or 'left'}"


def records_kept_since(now: datetime) -> datetime:
    """Return the moment before which a backup was forgotten whose record goes as well."""
    return now - timedelta(days=RECORD_DAYS)


def _whose(backup: Backup) -> tuple[str, str, str, str]:
    """Name those whose work is in a backup; of a session that names no user, the session itself."""
    return backup.pool, backup.blueprint, backup.user, "" if backup.user else backup.instance
