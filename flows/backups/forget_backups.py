"""Delete backups that are not needed any more, by schedule."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.outcome import pipeline
from tasks.backups.retention import delete_snapshots, forget_backups
from tasks.base import this_run
from tasks.housekeeping.observing import list_pools
from tasks.leases import lease


@flow(name="forget-backups", flow_run_name="forget backups")
@pipeline
async def forget_old_backups() -> State:
    """Forget backups beyond the number and the age that their pools keep; then delete what no record names."""
    async with lease("deletion of backups", holder=this_run()):
        forgotten = [backup for pool in await list_pools() for backup in await forget_backups(pool)]
        deleted = await delete_snapshots()
    return Completed(message=f"{len(forgotten)} backups are forgotten, {deleted} snapshots deleted")
