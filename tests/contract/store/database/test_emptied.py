"""A database that a test leaves to the next one is as if it was new."""

import pytest
from sqlalchemy import Engine, text

from pool.store.engine import open_engine
from pool.store.schema import metadata
from tests.rigs.pool_data import a_blueprint, claim_active, later
from tests.rigs.services.databases import empty, migrated_postgres, store_of

pytestmark = pytest.mark.contract

COUNTERS = text("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")


def content(engine: Engine) -> list:
    with engine.connect() as connection:
        tables = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
        return [*tables, connection.execute(COUNTERS).all()]


def test_an_emptied_database_is_as_a_new_one(postgres):
    store = store_of(engine := open_engine(postgres.copy_of(migrated_postgres(postgres))))
    new = content(engine)
    claim_active(store)
    store.instances.request("ada-1", a_blueprint(), "ada", {}, later(0))
    assert content(engine) != new
    empty(engine)
    assert content(engine) == new
    store.close()
