"""Delete backups that are not needed any more, by schedule."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.outcome import pipeline
from pool.backups.states import BackupTrouble
from pool.errors import DockerDriverError
from pool.printable import how_many
from tasks.backups.retention import delete_snapshots, drop_records, forget_backups, pools_with_backups, read_share
from tasks.base import log, this_run
from tasks.leases import lease


@flow(name="forget-backups", flow_run_name="forget backups")
@pipeline
async def forget_old_backups() -> State:
    """Forget backups beyond the number and the age that their pools keep; delete what no record names; read a share."""
    async with lease("deletion of backups", holder=this_run()):
        forgotten, troubles = 0, []
        for pool in await pools_with_backups():
            try:
                forgotten += len(await forget_backups(pool))
            except DockerDriverError as error:  # the other pools go on; the backups of this one stay
                log().error("no backup of pool %s is forgotten: %s", pool, error)
                troubles.append(f"no backup of pool {pool} is forgotten: {error}")
        deleted = await delete_snapshots()
        await drop_records()
        try:
            await read_share()
        except BackupTrouble as error:  # what was deleted is deleted
            log().error("not all that is kept can be read: %s", error)
            troubles.append(f"not all that is kept can be read: {error}")
    said = f"{how_many(forgotten, 'backup is', 'backups are')} forgotten, {how_many(deleted, 'snapshot')} deleted"
    if troubles:
        raise DockerDriverError("; ".join([said, *troubles]))
    return Completed(message=said)
