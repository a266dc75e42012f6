"""Checks of a manager on several machines: refuse to start workers that would miss what another machine has.

Sessions are started and ended by warm workers, which may be on any machine: what they need is asked over the network.
Images, hosts and backups by the hour are for the manager's own workers, where the files are.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.gateway.settings import RelaySettings
from blocks.settings import ProcessSettings
from blocks.stored.api_password import prefect_api
from pool.errors import NotFound, Refused
from runtime.databases.records import records

if TYPE_CHECKING:  # Prefect reads its environment when it is imported
    from blocks.stored.documents.stored_blocks import StoredBlocks

#: Of the pool `warm`: what every worker may take. What is in the queue `manager` reads the manager's files.
QUEUE = "default"
#: Between two looks whether the API is there: the first pause and the longest, each twice the one before.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
SAID_AGAIN_SECONDS = 600.0  # after which a worker that waits says so once more


def check_machines(settings: ProcessSettings) -> None:
    """Check that the settings fit together, where workers or gateways are on several machines.

    Raises:
        Refused: they do not; the sentence names the setting.
    """
    if settings.gateway_relays:
        if not settings.pool_database_url.startswith("postgresql"):
            raise Refused("DD_GATEWAYS: gateways of other machines need PostgreSQL for the pool's database")
        RelaySettings.given().check_secret()
    if not settings.api_url:
        return
    wanted = "is to be set where DD_API_URL is: this machine has workers alone"
    if settings.cloud == "local":
        raise Refused("DD_CLOUD is local, whose hosts are containers of one machine: workers of another one reach none")
    if settings.pool_database_url == settings.own_pool_url:
        raise Refused(f"DD_DATABASE_URL {wanted}, and the pool's database is on another one")
    if not settings.gateway_relays:
        raise Refused(f"DD_GATEWAYS {wanted}, and the gateway is on another one")
    if not settings.public_url:
        raise Refused(f"DD_PUBLIC_URL {wanted}, and links lead where it says")


def wait_for_api(
    trouble: Callable[[], str],
    pause: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> None:
    """Wait until Prefect's API answers, for as long as it takes: the machine may be started before the manager's is.

    What is waited for is said once, and again where the reason changes. So is a password that is not taken, or a
    certificate that is not believed: what is wrong with them is put right on one of the two machines, at any time.

    Args:
        trouble: says why it does not answer, as `PrefectApi.trouble` does; empty: it does.
        pause: waits so many seconds.
        say: what the journal keeps.
    """
    said, since, seconds = "", 0.0, FIRST_PAUSE
    while why := trouble():
        if why != said or since >= SAID_AGAIN_SECONDS:
            say(f"dockerdriver: this worker waits: {why}")
            said, since = why, 0.0
        pause(seconds)
        since += seconds
        seconds = min(LONGEST_PAUSE, 2 * seconds)
    if said:
        say("dockerdriver: Prefect's API answers: this worker starts")


def trouble_with_api(settings: ProcessSettings) -> str:
    """Say why Prefect's API does not answer this machine; empty: it does. Password and authorities are read anew."""
    try:
        return prefect_api(settings).trouble()
    except Refused as refusal:
        return str(refusal)


def check_tables(settings: ProcessSettings) -> None:
    """See that the tables are of this version: the manager brings them there, which no worker elsewhere can wait for.

    The machine may be brought a version before the manager is, and be started again before, too. A run that its worker
    took then would fail its user.

    Raises:
        Refused: they are of another version.
        DockerDriverError: the database does not answer.
    """
    try:
        with records(settings):
            return
    except Refused as refusal:
        raise Refused(f"this worker starts when the manager has its version: {refusal}") from None


def check_files(settings: ProcessSettings, stored: "StoredBlocks") -> None:
    """Check that no session needs a file that is on the manager alone. Blocks are read from Prefect's API.

    Raises:
        Refused: one does; the sentence says what is to be where.
    """
    if not settings.api_url:
        return
    kept = [one.name for one in stored.blueprints().specs if one.keep.paths]
    place = _folder_of_backups(settings, stored)
    if kept and place and not (place / "config").is_file():
        raise Refused(
            f"sessions of {', '.join(sorted(kept))} are backed up to {place}, and no repository is there on this"
            " machine: name an S3 store in block backup-store/main, or mount the manager's folder here"
        )
    for course in stored.courses().known:
        if course.files and not (settings.courses_dir / course.files).exists():
            raise Refused(
                f"course {course.name} has files, and {settings.courses_dir / course.files} is not on this machine:"
                " mount the manager's folder here"
            )


def _folder_of_backups(settings: ProcessSettings, stored: "StoredBlocks") -> Path | None:
    """Where backups are if that is a folder; None: a store that every machine reaches."""
    try:
        location = stored.backup_place().location
    except NotFound:  # nothing is backed up without it
        return None
    if location and not location.startswith("/"):
        return None
    return Path(location) if location else settings.backups_dir
