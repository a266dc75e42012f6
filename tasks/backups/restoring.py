"""Tasks of bringing work back: which backup it is, and a container that holds it before its program starts."""

from asyncio import sleep
from collections.abc import Iterator

from blocks.backups.tar_stream import Change
from blocks.backups.whole import whole
from blocks.backups.work_tar import Counted, beside, for_owner, listed
from blocks.outside import log, now, outside
from pool.backups.backup import Backup
from pool.backups.carried import carried_backup
from pool.backups.choosing import (
    brings_newest_back,
    check_nothing_is_lost,
    is_of_same_work,
    offer_before,
    own_backups,
    to_restore,
)
from pool.backups.rules import files_key, has_work, wait_ends_at, waits_for_work
from pool.backups.states import LOST_FAULTS, BackupState, BackupTrouble
from pool.errors import Refused, WorkAway
from pool.moments import minute
from pool.records import BlueprintSpec, Instance
from pool.sessions.containers import container_user, own_uid, uid_of
from pool.sessions.timings import next_look
from pool.states import InstanceState
from tasks.backups.changes import WorkRead, note
from tasks.base import blocking, look_up, pool_task
from tasks.sessions.containers import session_container

MOST_ROWS = 1000  # of a table
EARLIER_SECONDS = 120  # that a session waits for the backup of its user's last one


@look_up()
def backup_to_restore(instance: Instance) -> Backup | None:
    """Choose what the session begins with: the newest backup of its user and blueprint that counts, or the named one.

    One that comes from another host begins with its own.

    Raises:
        Refused: the named one is not there, or does not count; the message names the newest that does. Or what a
            session from another host takes along, or every backup of the user, cannot be read any more.
    """
    if instance.carried:
        return carried_backup(instance, outside().store.backups.of_instance(instance.id))
    backups = outside().store.backups.of_user(instance.pool, instance.blueprint, instance.user)
    found = to_restore(backups, instance.options.get("restore", ""))
    if found is None:
        check_nothing_is_lost(instance, backups)
    return found


@look_up()
async def await_earlier_work(instance: Instance) -> None:
    """Wait until no session of the same user and blueprint is being backed up: its work is what is to come back.

    Raises:
        Refused: one still is, after a while; the message says what the user may do.
    """
    if not brings_newest_back(instance):
        return
    begun = outside().clock.uptime()
    while earlier := await blocking(_being_kept, instance):
        waited = outside().clock.uptime() - begun
        if waited > EARLIER_SECONDS:
            raise Refused(
                f"instance {earlier.id} of the same user is still being backed up: ask for a new session in a minute,"
                " or with the option restore, which names an older backup or says none"
            )
        await sleep(next_look(waited, outside().settings.poll_seconds))


def _being_kept(instance: Instance) -> Instance | None:
    ending = outside().store.instances.all(instance.pool, [InstanceState.STOPPING])
    return next((one for one in ending if has_work(one) and is_of_same_work(one, instance)), None)


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="bring back {backup.id} for {instance.id}")
def fill_container(instance: Instance, blueprint: BlueprintSpec, backup: Backup) -> str:
    """Make the session's container, not started, with all that the backup holds; its id. Empty: it has run already.

    A container that never ran is made anew: what an earlier try put into it may be a part. Only the container of this
    id is ever started, so that a session begins with all of its backup, or not at all.

    Raises:
        BackupTrouble: the backup could not be read; the container never starts.
    """
    with session_container(instance, blueprint) as (engine, spec):
        container = engine.prepare(spec)
        if container:
            counted = Counted()
            change = for_owner(own_uid(backup.instance), uid_of(spec.user), counted)
            engine.write_files(container, _all_of(backup, change))
            note(instance, backup, WorkRead(counted.links, begun=None))
    return container


@pool_task(retries=1, retry_delay_seconds=5, task_run_name="put {backup.id} beside {instance.id}")
def put_beside(instance: Instance, backup: Backup, path: str, folder: str) -> tuple[str, int]:
    """Put files of a backup into a folder of their own in a running session; the folder, and how many files came.

    Raises:
        BackupTrouble: the backup could not be read; what came until then may be in the folder.
    """
    home, counted = instance.keep.paths[0], Counted()
    runs_as = uid_of(container_user(instance.id, outside().stored.blueprint(instance.blueprint).container_user))
    tar = beside(_all_of(backup), home, folder, path, own_uid(backup.instance), runs_as, counted)
    outside().engines.of(outside().store.hosts.get(instance.get_placement().host)).write_files(instance.container, tar)
    return f"{home}/{folder}", counted.files


@look_up()
def show_files(backup_id: str, below: str) -> tuple[int, int]:
    """Leave the files of a backup as a table, the artifact ``files-of-<backup>``; how many are shown, and there are.

    Raises:
        NotFound: there is no such backup.
        Refused: it cannot be read: it does not count, or not any more.
        BackupTrouble: the repository does not answer.
    """
    backup = outside().store.backups.get(backup_id)
    if not backup.counts:
        raise Refused(f"backup {backup_id} is {backup.state}: there is nothing that could be listed")
    files, count = listed(_all_of(backup), below, MOST_ROWS)
    rows = [{"file": one.path, "bytes": one.size, "changed": f"{one.changed_at:%Y-%m-%d %H:%M}"} for one in files]
    outside().prefect.write_table(rows, files_key(backup_id), f"What backup {backup_id} holds")
    return len(rows), count


def _all_of(backup: Backup, change: Change | None = None) -> Iterator[bytes]:
    return whole(outside().backups, backup, outside().store.backups.get, change)


@look_up()
def backups_to_choose_from(instance: Instance) -> list[Backup]:
    """The backups of the session's user and blueprint, newest first; of no particular user the session's own alone."""
    backups = outside().store.backups
    if not instance.user:
        return own_backups(instance, backups.of_instance(instance.id))
    return backups.of_user(instance.pool, instance.blueprint, instance.user)


@look_up()
def leave_to_a_tick(instance: Instance, trouble: BackupTrouble) -> None:
    """Leave a session from another host as it is where its work, which nothing else holds, cannot be read now.

    Its run ends: a worker's place is not held for as long as a repository may be away.

    Raises:
        WorkAway: a tick has it started again. No error: another try would not mend it, or its time is over.
    """
    wait = outside().kept_config(instance.pool).DD_BACKUP_WAIT  # as the last tick read it: by SQL, not from Prefect
    if waits_for_work(instance, trouble.fault, wait, now()):
        until = minute(wait_ends_at(instance, wait))
        raise WorkAway(f"instance {instance.id} waits for its work, until {until}: {trouble}") from trouble


@look_up()
def refuse_backup(backup: Backup, trouble: BackupTrouble) -> None:
    """Count a backup no more which is not what was written, or is spoiled, so that the one before it comes next.

    Raises:
        BackupTrouble: it may be readable the next time, as the repository did not answer. It names the one before.
    """
    if trouble.fault not in LOST_FAULTS:
        others = outside().store.backups.of_user(backup.pool, backup.blueprint, backup.user)
        raise BackupTrouble(f"{trouble}{offer_before(backup, others)}", trouble.fault) from trouble
    log().error("backup %s counts no more: %s", backup.id, trouble)
    outside().store.backups.move(backup.id, BackupState.FAILED, now(), reason=str(trouble), fault=trouble.fault)
