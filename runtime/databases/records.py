"""The pool's records as a command reads them, also while the stack is stopped.

Every command's module leads here: what is slow to import, as SQLAlchemy, waits until records are asked for.
"""

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pool.store.pool_store import PoolStore


def open_records(settings: ProcessSettings) -> "PoolStore | None":
    """Return the pool's database, or None where none was made yet. Looking changes nothing: `make up` alone migrates.

    Raises:
        DockerDriverError: it does not answer.
        Refused: its tables are of another version; the sentence says what to do.
    """
    from pool.store.pool_store import PoolStore  # noqa: PLC0415 - SQLAlchemy imports slowly
    from runtime.databases.databases import NOT_MADE, trouble_with  # noqa: PLC0415 - as above

    trouble = trouble_with(settings, settings.pool_database_url)
    if trouble == NOT_MADE:
        return None
    if trouble:
        raise DockerDriverError(f"the pool's database does not answer: {trouble}")
    store = PoolStore.open(settings.pool_database_url, wait_seconds=0)  # the operator is told at once that it is away
    store.check_current()
    return store


@contextmanager
def records(settings: ProcessSettings) -> "Iterator[PoolStore | None]":
    """Lend the pool's records; a database of the stack's own runs for that long. None, and a line: none was made yet.

    Raises:
        DockerDriverError: it does not answer.
        Refused: its tables are of another version.
    """
    from runtime.databases.databases import pool_database_running  # noqa: PLC0415 - as above

    with pool_database_running(settings):
        store = open_records(settings)
        if store is None:  # else the answer of a command that was run in another folder looks like an empty pool's
            print(f"dockerdriver: no installation was ever started with its data in {settings.data}", file=sys.stderr)
        try:
            yield store
        finally:
            if store:
                store.close()
