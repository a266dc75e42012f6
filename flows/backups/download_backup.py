"""Give a backup as an archive, by a link that works once."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import BackupId, DownloadMinutes
from flows.steps.outcome import pipeline
from pool.backups.rules import MOST_DOWNLOAD_MINUTES
from pool.moments import check_minutes
from pool.printable import how_many
from tasks.backups.downloading import backup_to_download, offer_download


@flow(name="download-backup", flow_run_name="download {backup}")
@pipeline
async def download_backup(backup: BackupId, minutes: DownloadMinutes = 30) -> State:
    """Leave a link as the artifact `download-<backup>`, with - for the dot of its id, and wait until it is used.

    Args:
        backup: Id of the backup, as in alice-1.1.
        minutes: How long the link is good.
    """
    check_minutes(minutes, most=MOST_DOWNLOAD_MINUTES)
    chosen = await backup_to_download(backup)
    if given := await offer_download(chosen, minutes * 60):
        return Completed(message=f"backup {backup} was downloaded: {how_many(given, 'byte')}")
    return Completed(
        message=f"the link to backup {backup} was not used within {how_many(minutes, 'minute')}, and is over"
    )
