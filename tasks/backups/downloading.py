"""Tasks of a download: a link that works once, and the stream behind it."""

from collections.abc import Iterator

from blocks.backups.whole import whole
from blocks.outside import now, outside
from pool.backups.backup import Backup
from pool.backups.rules import download_key
from pool.errors import Refused
from pool.moments import after
from tasks.base import look_up, pool_task


@look_up()
def backup_to_download(backup_id: str) -> Backup:
    """The backup of this id, which counts.

    Raises:
        NotFound: there is none.
        Refused: it does not count, or not any more.
    """
    backup = outside().store.backups.get(backup_id)
    if not backup.counts:
        raise Refused(f"backup {backup_id} is {backup.state}: there is nothing that could be downloaded")
    return backup


@pool_task(publishes=False, task_run_name="offer {backup.id} for download")
def offer_download(backup: Backup, seconds: int) -> int:
    """Leave a link as the artifact ``download-<backup>``, and give the backup by it, once.

    The link is as good as this process: where it dies, the link is over, and a run that is made again leaves another.

    Returns:
        Bytes that were given; 0: it was not used.

    Raises:
        BrokenOff: the download began and did not come to its end.
    """

    def content() -> Iterator[bytes]:
        return whole(outside().backups, backup, outside().store.backups.get)

    # of one that is made of several it is known once it was made: what breaks off must be shorter than was said
    size = sum(map(len, content())) if backup.base else backup.size
    with outside().downloads.offered() as offer:
        url = f"{outside().settings.gateway_url}/downloads/{offer.secret}"
        until = f"{after(now(), seconds):%Y-%m-%dT%H:%M:%S+00:00}"
        link = {"backup": backup.id, "download_url": url, "until": until, "run": outside().prefect.run_id}
        outside().prefect.write_table([link], download_key(backup.id), f"Link to the files of backup {backup.id}")
        return size if offer.hand_out(f"{backup.id}.tar", size, content, seconds) else 0
