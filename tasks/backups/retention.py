"""Tasks that delete backups which are not needed any more, and look after those that are."""

from blocks.outside import log, now, outside
from pool.backups.forgetting import records_kept_since, to_forget, why_forgotten
from pool.backups.reading_back import SHARES, share_to_read
from pool.backups.snapshots import SHORT, strangers, to_delete
from pool.backups.states import BackupState
from pool.errors import NotFound
from pool.settings import PoolSettings
from pool.states import LIVING_INSTANCES
from tasks.base import look_up, pool_task

KEPT = frozenset(BackupState) - {BackupState.FORGOTTEN}


@look_up()
def pools_with_backups() -> list[str]:
    """Names of the pools that have backups; a pool may be gone, and its backups are forgotten in time all the same."""
    return outside().store.backups.pools()


@pool_task(task_run_name="forget backups of {pool}")
def forget_backups(pool: str) -> list[str]:
    """Record which backups of a pool are not needed any more; ids. Nothing is deleted yet.

    Raises:
        Refused: the pool's configuration cannot be read.
        NotFound: it has none, and none is known that it had.
    """
    settings = _settings_of(pool)
    backups = outside().store.backups.all(KEPT, pool=pool)
    carried = {one.carried for one in outside().store.instances.all(pool, LIVING_INSTANCES) if one.carried}
    gone = to_forget(backups, settings.backups_kept, settings.backup_days, now(), carried)
    for backup in gone:
        outside().store.backups.move(backup.id, BackupState.FORGOTTEN, now(), reason=why_forgotten(backup))
    return [backup.id for backup in gone]


def _settings_of(pool: str) -> PoolSettings:
    """Read what the pool keeps; what it kept last, where its block was deleted and that is known."""
    try:
        return outside().stored.config(pool).settings(pool)
    except NotFound:
        if outside().store.configs.last(pool) is None:
            raise
        return outside().kept_config(pool).settings(pool)


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


@pool_task(task_run_name="delete records of backups")
def drop_records() -> int:
    """Delete the records of backups that were forgotten long ago, and whose snapshots are deleted; how many."""
    return outside().store.backups.drop_forgotten(records_kept_since(now()))


@pool_task(retries=1, retry_delay_seconds=60, task_run_name="read a share of all backups")
def read_share() -> None:
    """Read a share of all that is kept, another one each time.

    It is tried again: a backup that is written meanwhile may look as if a part of it were missing.

    Raises:
        BackupTrouble: something is lost, or is not what was written.
    """
    outside().backups.check_share(share_to_read(now()), SHARES)
