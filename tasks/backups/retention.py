"""Tasks that delete backups which are not needed any more."""

from blocks.outside import log, now, outside
from pool.backups.rules import to_forget
from pool.backups.snapshots import SHORT, strangers, to_delete
from pool.backups.states import BackupState
from tasks.base import pool_task


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
        BackupTrouble: the repository did not do it, or is not the one that the records speak of.
    """
    listed = outside().backups.snapshots()
    backups = outside().store.backups.all()
    gone = to_delete(listed, backups, now())
    outside().backups.forget(gone)
    if unknown := strangers(listed, backups, now()):
        log().warning("%d snapshots of backups that are not on record stay: %s …", len(unknown), min(unknown)[:SHORT])
    return len(gone)
