"""What a session's platform is told while the end waits for the backup."""

from collections.abc import Iterable

from pool.backups.backup import Backup
from pool.backups.rules import wait_ends_at
from pool.backups.states import BackupCause, BackupState
from pool.moments import minute
from pool.records import Instance
from pool.reports.visitor_notices import is_being_saved, why_ended


def end_notice(instance: Instance, backups: Iterable[Backup], wait: int | None) -> str:
    """Say why a session ends, in its visitors' words, what its end waits for, until when, and what was wrong last.

    Args:
        instance: the session.
        backups: its own, in any state, newest first.
        wait: seconds that the pool lets an end wait; None: not known.

    Returns:
        Nothing for a session whose end waits for no backup.
    """
    last = next((one for one in backups if one.cause is BackupCause.SESSION_ENDS), None)
    if not is_being_saved(instance) or (last and last.counts):
        return ""
    until = "" if wait is None else f" It ends without that at {minute(wait_ends_at(instance, wait))}."
    failed = last is not None and last.state is BackupState.FAILED
    trouble = f" The last try failed: {last.reason}" if last and failed else ""
    return f"{why_ended(instance)}{until}{trouble}"
