"""What an installation of before had on record of users whose accents stand apart from their letters."""

from importlib import import_module

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from pool.backups.states import BackupCause
from pool.records import KeptWork
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place

pytestmark = pytest.mark.contract

RENAMING = import_module("pool.store.migrations.versions.0037_user_names")
APART, COMPOSED = "Ce\u0301line", "C\u00e9line"


@pytest.fixture
def upgraded(store, store_url):
    """Records a session with a backup as a version of before did, and composes the names."""
    claim_active(store)
    kept = KeptWork(("/home/jovyan",), (), 100, 0)
    store.instances.request("alice-1", a_blueprint(keep=kept), COMPOSED, {}, NOW)
    store.backups.begin(place(store), BackupCause.SESSION_ENDS, NOW)
    engine = sa.create_engine(store_url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        for table in (sa.table(name, sa.column("user")) for name in ("instances", "backups", "changes")):
            connection.execute(table.update().where(table.c.user == COMPOSED).values(user=APART))
        RENAMING.upgrade()
    engine.dispose()
    return store


@pytest.mark.parametrize("name", [APART, COMPOSED], ids=["apart", "composed"])
def test_a_user_is_found_with_sessions_history_and_backups_by_either_spelling(upgraded, name):
    assert [one.user for one in upgraded.instances.found(user=name)] == [COMPOSED]
    assert [one.user for one in upgraded.backups.all(user=name)] == [COMPOSED]
    assert [one.user for one in upgraded.backups.of_user("main", "jupyter", name)] == [COMPOSED]
    assert upgraded.history.of_user(name)
