"""The databases that the store's suite runs on: SQLite, and a PostgreSQL that is started for it."""

import pytest

from pool.store.engine import open_engine
from tests.rigs.services.databases import migrated_postgres, migrated_sqlite, store_of
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
def store(store_url):
    store = store_of(open_engine(store_url))
    yield store
    store.close()
