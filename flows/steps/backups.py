"""How a session is backed up, and how it gets back what its user had: the compositions that several pipelines share."""

from asyncio import gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pool.backups.backup import Backup
from pool.backups.choosing import brings_back
from pool.backups.rules import backup_lease, has_work
from pool.backups.states import PROGRAM_ENDS, BackupCause, BackupTrouble, as_trouble
from pool.errors import DockerDriverError, EngineTrouble, HostUnreachable
from pool.records import BlueprintSpec, Instance
from tasks.backups.changes import find_changes, list_work, note_files, write_changes
from tasks.backups.keeping import (
    begin_backup,
    fail_backup,
    stop_container,
    tell_application,
    verify_backup,
    why_end_waits,
    write_backup,
)
from tasks.backups.restoring import (
    await_earlier_work,
    backup_to_restore,
    fill_container,
    leave_to_a_tick,
    refuse_backup,
)
from tasks.base import log, this_run
from tasks.gateway.routes import withdraw_route
from tasks.leases import LEASE_SECONDS, lease
from tasks.publishing.ends import tell_why_end_waits

OTHER_SECONDS = 600  # that the end of a session waits for another run that backs it up


async def back_up(instance: Instance, cause: BackupCause) -> Backup:
    """Back up what a session keeps; it counts once it was read back. One run at a time does this to a session.

    The end of a session, or its move, waits for the run that is at it already, which backs up what may be too old by
    then; then its program is ended, so that nothing is written after what is kept.

    Raises:
        BackupTrouble: it was not made; the record says why.
        Held: another run is at it, and still was after a while.
    """
    wait = OTHER_SECONDS if cause in PROGRAM_ENDS else 0
    async with lease(backup_lease(instance.id), holder=this_run(), wait=wait):
        backup = await begin_backup(instance, cause)
        if backup.counts:  # an earlier run came that far
            return backup
        try:
            return await _made(backup, instance, await _make_ready(instance, cause))
        except (BackupTrouble, EngineTrouble, HostUnreachable) as error:
            trouble = as_trouble(error)
            await fail_backup(backup, trouble)
            raise trouble from error


async def _made(backup: Backup, instance: Instance, told: str) -> Backup:
    """Write what changed, or all where that is not known; then it is read back."""
    found = await find_changes(instance)
    if found and (changed := await write_changes(backup, instance, found)):
        return await verify_backup(changed, told)
    written, read = await write_backup(backup, instance)
    if written.cause in PROGRAM_ENDS:  # its container goes
        return await verify_backup(written, told)
    verified, listed = await gather(verify_backup(written, told), list_work(instance, written), return_exceptions=True)
    if isinstance(verified, BaseException):
        raise verified
    if isinstance(listed, BaseException):
        raise listed
    if listed:
        await note_files(instance, verified, read, listed)
    return verified


async def _make_ready(instance: Instance, cause: BackupCause) -> str:
    """Have a program write what it holds: by its end, or, where the session goes on, by its blueprint's command."""
    if cause not in PROGRAM_ENDS:
        return await tell_application(instance)
    await stop_container(instance)
    return ""


async def keep_work(instance: Instance) -> str:
    """Back up a session that is being ended, before its container goes; what is to be told beside its end.

    Its user is out first.

    Raises:
        DockerDriverError: it is not backed up yet, and its end has to wait; the message says why, and until when.
    """
    if not has_work(instance):
        return ""
    await withdraw_route(instance)
    try:
        await back_up(instance, BackupCause.SESSION_ENDS)
    except BackupTrouble as trouble:
        if why := await why_end_waits(instance, trouble):
            await tell_why_end_waits(instance)
            raise DockerDriverError(why) from trouble
        log().error("instance %s ends without a backup: %s", instance.id, trouble)
        return f"; it was not backed up: {trouble}"
    return ""


@asynccontextmanager
async def brought_back(instance: Instance, blueprint: BlueprintSpec) -> AsyncIterator[tuple[str, str]]:
    """Make the session's container with what its user had; ids of the container and of the backup.

    The lease on the session's work is held to the end of the with block, in which it starts: as long as the run
    renews it, housekeeping takes no long start for one that lost its run.

    A backup that is not what was written is refused, and the one before it taken. Both ids are empty where there is
    nothing to bring back; that of the container alone where it has run already.

    Raises:
        Refused: the backup that the request names cannot be restored; the message names the newest that can. Or the
            user's last session is still being backed up.
        BackupTrouble: the repository cannot be read now.
        WorkAway: likewise, of a session from another host: it stays starting.
    """
    if not brings_back(instance):
        yield "", ""
        return
    async with lease(backup_lease(instance.id), holder=this_run(), wait=LEASE_SECONDS):
        yield await _fill(instance, blueprint)


async def _fill(instance: Instance, blueprint: BlueprintSpec) -> tuple[str, str]:
    await await_earlier_work(instance)
    while backup := await backup_to_restore(instance):
        try:
            return await fill_container(instance, blueprint, backup), backup.id
        except BackupTrouble as trouble:
            await leave_to_a_tick(instance, trouble)
            await refuse_backup(backup, trouble)
    return "", ""
