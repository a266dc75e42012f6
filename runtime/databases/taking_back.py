"""`python -m runtime.databases.taking_back 0035`: the pool's tables as a version before reads them, to go back to it.

By the newer code, which alone knows the way, while the stack is stopped: what runs would miss what is taken away.
"""

import argparse
import sys

from blocks.settings import ProcessSettings, process_settings
from blocks.stored.api_password import prefect_api
from pool.errors import DockerDriverError, Refused
from pool.store.pool_store import PoolStore
from runtime.databases.databases import pool_database_running


def main() -> None:
    """Take back to the revision that the command line names; the exit status is 1 where that cannot be."""
    parser = argparse.ArgumentParser(description="Bring the pool's tables back to the form of an earlier version.")
    parser.add_argument("revision", help="the number of the last file in that version's pool/store/migrations/versions")
    try:
        print(taken_back(process_settings(), parser.parse_args().revision))
    except DockerDriverError as error:
        sys.exit(f"dockerdriver: {error}")


def taken_back(settings: ProcessSettings, revision: str) -> str:
    """Do it; say what was done.

    Raises:
        Refused: the stack runs, or there is no way back to the revision.
        DockerDriverError: the database does not answer.
    """
    if prefect_api(settings).healthy():
        raise Refused("the stack runs, and would miss what is taken away: stop its processes first")
    with pool_database_running(settings):
        store = PoolStore.open(settings.pool_database_url)
        try:
            gone = store.take_back(revision)
        finally:
            store.close()
    return f"took back {', '.join(gone)}" if gone else f"the tables are those of revision {revision} already"


if __name__ == "__main__":
    main()
