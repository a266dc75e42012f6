"""Databases that have today's tables already: the migrations run once for each kind, a test gets a copy of them."""

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import Dialect, Engine, event, text

from pool.store.engine import Database, open_engine
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.services.postgres import PostgresServer

#: For thousands of small transactions, none of which has to outlive the machine.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
#: By kind of database: what SQLAlchemy compiled for any store of it, and the dialect by which it finds that. To
#: compile a statement takes longer than to run it.
_COMPILED: dict[str, tuple[dict, Dialect]] = {}


def new_store(folder: Path, content: bytes = b"") -> PoolStore:
    """A store in ``pool.sqlite`` of a folder, as an installation has it. It survives no power cut.

    Args:
        folder: made if it is not there.
        content: of another such file; none: there are no records.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pool.sqlite").write_bytes(content or migrated_sqlite())
    store = store_of(engine := open_engine(f"sqlite:///{folder / 'pool.sqlite'}"))
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
    return store


def reopened(url: str) -> PoolStore:
    """The store in a database that another store of this process was in before."""
    return store_of(open_engine(url))


def store_of(engine: Engine) -> PoolStore:
    """The store in a copy of one of these databases."""
    compiled, engine.dialect = _COMPILED[engine.dialect.name]
    engine.update_execution_options(compiled_cache=compiled)
    return PoolStore(Database(engine))


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


@cache
def kept_postgres(server: PostgresServer) -> str:
    """URL of a copy that is used again and again, by one test after another: each leaves it empty."""
    return server.copy_of(migrated_postgres(server))


def empty(engine: Engine) -> None:
    """Delete all records of a database of PostgreSQL, and count anew. A copy costs many times as much, and the disk."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '20s'"))  # what a test left open is its fault, and told
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))


def _upgrade(url: str) -> None:
    engine = open_engine(url)
    store = PoolStore(Database(engine))
    store.upgrade()
    store.close()  # SQLite: the last connection writes the journal back; PostgreSQL: no client is in what is copied
    _COMPILED.setdefault(engine.dialect.name, ({}, engine.dialect))
