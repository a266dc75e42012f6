"""List the files of a backup."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import BackupId, KeptPath
from flows.steps.outcome import pipeline
from pool.printable import how_many
from tasks.backups.restoring import show_files


@flow(name="list-files", flow_run_name="list files of {backup}")
@pipeline
async def list_files(backup: BackupId, path: KeptPath = "") -> State:
    """Leave the files of a backup as a table: the artifact `files-of-<backup>`, with - for the dot of its id.

    Args:
        backup: Id of the backup, as in alice-1.1.
        path: One file or folder by its whole path. Empty: all.
    """
    shown, found = await show_files(backup, path)
    rest = f", the first {shown} of them are in the table" if shown < found else ""
    return Completed(message=f"backup {backup} holds {how_many(found, 'file')}{rest}")
