"""Databases that have today's tables already: the migrations run once for each kind, every test gets a copy."""

import tempfile
from functools import cache
from pathlib import Path

from pool.store.pool_store import PoolStore
from tests.rigs.services.postgres import PostgresServer

#: For thousands of small transactions, none of which has to outlive the machine.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@cache
def migrated_sqlite() -> bytes:
    """An SQLite file with tables and nothing in them."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        _upgrade(f"sqlite:///{folder}/pool.sqlite")
        return (Path(folder) / "pool.sqlite").read_bytes()


@cache
def migrated_postgres(server: PostgresServer) -> str:
    """URL of a database of this server with tables and nothing in them, to be copied."""
    url = server.new_database()
    _upgrade(url)
    return url


def _upgrade(url: str) -> None:
    store = PoolStore.open(url)
    store.upgrade()
    store.close()  # SQLite: the last connection writes the journal back; PostgreSQL: no client is in what is copied
