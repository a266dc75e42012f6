"""Tasks of a backup: begin it, write it, read it back; and what a session's end says about it."""

from blocks.backups.digest import checked, new_parts_read
from blocks.backups.work_tar import Counted, kept_tar
from blocks.engine.client import HostEngine
from blocks.outside import log, now, outside
from pool.backups.backup import Backup
from pool.backups.reading_back import said_of, said_of_changes, to_compare_with
from pool.backups.rules import made_long_ago, may_end_without, told_of_hook, wait_ends_at
from pool.backups.states import BackupCause, BackupState, BackupTrouble
from pool.errors import EngineTrouble
from pool.moments import minute
from pool.records import Instance
from tasks.backups.changes import WorkRead
from tasks.base import look_up, pool_task


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="stop {instance.id}")
def stop_container(instance: Instance) -> None:
    """End the session's container in good order; it stays, with its files. One that is gone, or has ended, stays so."""
    _engine_of(instance).stop(instance.container, instance.keep.stop_seconds)


@pool_task(task_run_name="tell {instance.id} that it is backed up")
def tell_application(instance: Instance) -> str:
    """Run the blueprint's command in a running session before it is backed up; empty, or how that failed.

    The backup is made all the same: one with a database that was open is worth more than none. Where the process dies,
    the command is run again with the backup.

    Raises:
        HostUnreachable: its host does not answer.
    """
    command, seconds = instance.keep.before, instance.keep.before_seconds
    if not command:
        return ""
    try:
        told = told_of_hook(command, _engine_of(instance).run_inside(instance.container, command, seconds), seconds)
    except EngineTrouble as trouble:
        told = f"but {command[0]}, the command before it, could not be run: {trouble}"
    if told:
        log().warning("instance %s is backed up, %s", instance.id, told)
    return told


@pool_task(task_run_name="begin a backup of {instance.id}")
def begin_backup(instance: Instance, cause: BackupCause) -> Backup:
    """Record a backup before anything is written; one that did not come to its end begins again."""
    return outside().store.backups.begin(instance, cause, now())


@pool_task(task_run_name="write backup {backup.id}")
def write_backup(backup: Backup, instance: Instance) -> tuple[Backup, WorkRead]:
    """Stream what is kept out of the container into the repository. It does not count yet.

    Returns:
        The backup; and what was seen of its files.

    Raises:
        BackupTrouble: it was not written; its fault says why.
        EngineTrouble: its files could not be read.
        HostUnreachable: its host does not answer.
    """
    engine, counted, begun = _engine_of(instance), Counted(), outside().clock.uptime()
    tar = kept_tar(lambda path: engine.read_files(instance.container, path), instance.keep, counted)
    written = outside().backups.write(backup.id, tar)
    made = outside().store.backups.move(
        backup.id,
        BackupState.WRITTEN,
        now(),
        size=written.size,
        digest=written.digest,
        snapshot=written.snapshot,
        base="",
        files=counted.files,
    )
    return made, WorkRead(counted.links, begun)


@pool_task(retries=1, retry_delay_seconds=5, task_run_name="verify backup {backup.id}")
def verify_backup(backup: Backup, told: str = "") -> Backup:
    """Read a backup back; from now on it counts. What else is to be told of it is in its reason.

    Of a large one that shares most with one that was read a short while ago, what is new is read. Where that is
    trouble, reading all of it decides. Of one that stands on another one what changed is read: all of that one was, a
    short while ago.

    Raises:
        BackupTrouble: it could not be read, or is not what was written.
    """
    base = outside().store.backups.get(backup.base) if backup.base else None
    known = None if base else _read_new_parts(backup)
    if not known and not (base and base.snapshot == backup.snapshot):
        for _chunk in checked(outside().backups.read(backup.snapshot), backup):
            pass
    reason = said_of_changes(backup, base, told) if base else said_of(known, told)
    return outside().store.backups.move(backup.id, BackupState.VERIFIED, now(), reason=reason)


def _read_new_parts(backup: Backup) -> Backup | None:
    """Read what of a backup is new; the one that has the rest. None: all of it is still to be read."""
    others = outside().store.backups.of_user(backup.pool, backup.blueprint, backup.user)
    known = to_compare_with(backup, others, now())
    try:
        return known if known and new_parts_read(outside().backups, backup, known) else None
    except BackupTrouble as trouble:
        log().warning("all of backup %s is read back, as its new parts could not be: %s", backup.id, trouble)
        return None


@look_up()
def last_backup(instance_id: str) -> Backup | None:
    """The session's newest backup, in any state; None: it has none."""
    return next(iter(outside().store.backups.of_instance(instance_id)), None)


@look_up()
def backup_is_due(instance: Instance) -> bool:
    """Whether a session that runs was not backed up meanwhile; a run that was lost goes on with what it began."""
    return made_long_ago(instance, outside().store.backups.of_instance(instance.id), now())


@look_up()
def fail_backup(backup: Backup, trouble: BackupTrouble) -> None:
    """Record why a backup was not made this time."""
    outside().store.backups.move(backup.id, BackupState.FAILED, now(), reason=str(trouble), fault=trouble.fault)


@look_up()
def why_end_waits(instance: Instance, trouble: BackupTrouble) -> str:
    """Say why a session does not end before it is backed up; empty: it ends without."""
    wait = outside().config(instance.pool).settings(instance.pool).backup_wait
    if may_end_without(instance, trouble.fault, wait, now()):
        return ""
    until = minute(wait_ends_at(instance, wait))
    return f"instance {instance.id} keeps its container until it is backed up, or until {until}: {trouble}"


def _engine_of(instance: Instance) -> HostEngine:
    return outside().engines.of(outside().store.hosts.get(instance.get_placement().host))
