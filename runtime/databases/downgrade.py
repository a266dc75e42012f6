"""`python -m runtime.databases.downgrade 0036`: bring the pool's tables back to an older version's revision.

It is run with the newer code, which alone knows the way back, while the stack is stopped: what runs would miss the
tables and columns that are dropped.
"""

import argparse
import sys

from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import prefect_api
from pool.errors import DockerDriverError, Refused
from pool.store.pool_store import PoolStore
from runtime.databases.databases import pool_database_running


def main() -> None:
    """Downgrade to the revision that the command line names; the exit status is 1 where that cannot be."""
    parser = argparse.ArgumentParser(description="Downgrade the pool's tables to the revision of an earlier version.")
    parser.add_argument("revision", help="the number of the last file in that version's pool/store/migrations/versions")
    try:
        print(downgraded(process_settings(), parser.parse_args().revision))
    except DockerDriverError as error:
        sys.exit(f"dockerdriver: {error}")


def downgraded(settings: ProcessSettings, revision: str) -> str:
    """Downgrade the pool's database; return a sentence that says which revisions were taken back.

    Raises:
        Refused: the stack runs, or there is no way back to the revision.
        DockerDriverError: the database does not answer.
    """
    if prefect_api(settings).healthy():
        raise Refused("the stack runs, and would miss the tables that are dropped: stop its processes first")
    with pool_database_running(settings):
        store = PoolStore.open(settings.pool_database_url)
        try:
            gone = store.downgrade(revision)
        finally:
            store.close()
    return f"took back {', '.join(gone)}" if gone else f"the tables are those of revision {revision} already"


if __name__ == "__main__":
    main()
