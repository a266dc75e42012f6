"""Tasks that delete backups which are not needed any more."""

from datetime import timedelta

from blocks.outside import now, outside
from pool.backups.rules import to_forget
from pool.backups.states import BackupState
from tasks.base import pool_task

#: A snapshot is older than this before it counts as one that no record names: it may be being written.
UNNAMED = timedelta(days=1)


@pool_task(task_run_name="forget backups of {pool}")
def forget_backups(pool: str) -> list[str]:
    """Record which backups of a pool are not needed any more; ids. Nothing is deleted yet."""
    settings = outside().config(pool).settings(pool)
    counting = outside().store.backups.all([BackupState.VERIFIED], pool=pool)
    gone = to_forget(counting, settings.backups_kept, settings.backup_days, now())
    for backup in gone:
        outside().store.backups.move(
            backup.id, BackupState.FORGOTTEN, now(), reason="too old, or newer ones are enough"
        )
    return [backup.id for backup in gone]


@pool_task(retries=1, retry_delay_seconds=60, task_run_name="delete snapshots")
def delete_snapshots() -> int:
    """Delete the snapshots that no backup needs, of dead processes as well; how many there were.

    The repository is listed before the records are read: what is recorded meanwhile is not taken for unnamed.

    Raises:
        BackupTrouble: the repository did not do it.
    """
    there = outside().backups.snapshots()
    named = outside().store.backups.snapshots()
    unnamed = {name for name, written in there.items() if name not in named and written < now() - UNNAMED}
    outside().backups.forget(unnamed)
    return len(unnamed)
