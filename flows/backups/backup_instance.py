"""Back up a session that runs, now."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.backups import back_up
from flows.steps.forms import InstanceId, Scheduled
from flows.steps.outcome import pipeline
from pool.backups.rules import check_can_be_backed_up
from pool.backups.states import BackupCause
from pool.printable import how_many
from tasks.backups.keeping import backup_is_due
from tasks.sessions.instances import get_instance


@flow(name="backup-instance", flow_run_name="back up {instance_id}")
@pipeline
async def backup_instance(instance_id: InstanceId, scheduled: Scheduled = False) -> State:
    """Back up what a running session keeps. It goes on meanwhile: a file is as it was when it was read.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        scheduled: Whether its blueprint's schedule asks for it; housekeeping says so.
    """
    instance = await get_instance(instance_id)
    check_can_be_backed_up(instance)
    if scheduled and not await backup_is_due(instance):  # asked for twice, or made meanwhile
        return Completed(message=f"no backup of instance {instance_id} is due")
    backup = await back_up(instance, BackupCause.SCHEDULED if scheduled else BackupCause.REQUESTED)
    holds = f"{how_many(backup.files, 'file')}, {how_many(backup.size, 'byte')}"
    return Completed(message=f"backup {backup.id} counts: {holds}; {backup.reason}")
