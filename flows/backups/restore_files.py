"""Bring files of a backup into a running session, beside those that are there."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import AnyBackup, InstanceId, KeptPath
from flows.steps.outcome import pipeline
from pool.backups.choosing import to_restore
from pool.backups.rules import check_can_get_files, restore_folder
from pool.errors import NotFound
from pool.printable import how_many
from tasks.backups.restoring import backups_to_choose_from, put_beside
from tasks.base import accepted_at, now
from tasks.sessions.instances import get_instance


@flow(name="restore-files", flow_run_name="restore files of {instance_id}")
@pipeline
async def restore_files(instance_id: InstanceId, backup: AnyBackup = "", path: KeptPath = "") -> State:
    """Put what a backup holds into a new folder of a running session. Nothing that is there is replaced.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        backup: Id of a backup of the same user and blueprint. Empty: the newest that counts.
        path: One file or folder by its whole path, as in /home/jovyan/thesis. Empty: all.
    """
    instance = await get_instance(instance_id)
    check_can_get_files(instance)
    chosen = to_restore(await backups_to_choose_from(instance), backup)
    if chosen is None:
        raise NotFound(f"there is no backup of the user of instance {instance_id} that can be restored")
    asked_at = accepted_at() or now()  # also of a run that is made again: it goes on in the folder that it began
    folder, files = await put_beside(instance, chosen, path, restore_folder(chosen, asked_at))
    if not files:
        raise NotFound(f"backup {chosen.id} holds no file {path or 'at all'}")
    return Completed(
        message=f"{how_many(files, 'file')} of backup {chosen.id} {'is' if files == 1 else 'are'} in {folder}"
    )
