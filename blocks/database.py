"""The pool's SQL database, opened once in each process."""

from functools import lru_cache

from blocks.settings import process_settings
from pool.store.pool_store import PoolStore


@lru_cache(maxsize=1)
def pool_store() -> PoolStore:
    """The store behind ``DD_DATABASE_URL``; its connections are shared by all threads of the process."""
    return PoolStore.open(process_settings().pool_database_url)
