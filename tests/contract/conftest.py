"""The databases that the store's suite runs on: SQLite, and a PostgreSQL that is started for it."""

import pytest

from pool.store.engine import open_engine
from tests.rigs.services.databases import empty, kept_postgres, migrated_postgres, migrated_sqlite, store_of
from tests.rigs.services.postgres import postgres_server


@pytest.fixture(scope="session")
def postgres():
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def database_url(request, kind, tmp_path):
    """URL of a database without tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'pool.sqlite'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def store_url(request, kind, tmp_path):
    """URL of a database with today's tables and nothing in them."""
    if kind == "sqlite":
        (tmp_path / "store.sqlite").write_bytes(migrated_sqlite())
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    server = request.getfixturevalue("postgres")
    return server.copy_of(migrated_postgres(server))


@pytest.fixture
def store(request, kind):
    """A store with nothing in it; on PostgreSQL in the database of the test before, which left it empty."""
    is_kept = kind == "postgresql" and "store_url" not in request.fixturenames
    url = kept_postgres(request.getfixturevalue("postgres")) if is_kept else request.getfixturevalue("store_url")
    store = store_of(engine := open_engine(url))
    yield store
    if is_kept:
        empty(engine)
    store.close()
