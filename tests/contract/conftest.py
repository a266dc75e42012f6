"""The databases that the store's suite runs on: SQLite, and a PostgreSQL that is started for it."""

import pytest

from pool.store import PoolStore
from tests.rigs.postgres import postgres_server


@pytest.fixture(scope="session")
def postgres():
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'pool.sqlite'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def store(database_url):
    store = PoolStore.open(database_url)
    store.upgrade()
    yield store
    store.close()
