"""What `status` and `why` do about a database of another version: they look, and change nothing."""

import sqlite3

import pytest

from blocks.settings import ProcessSettings
from pool.errors import Refused
from pool.store.pool_store import PoolStore
from runtime.command.report import show_status
from runtime.verbs.history import show_history

pytestmark = pytest.mark.unit


@pytest.fixture
def settings(tmp_path):
    """An installation whose database is of an older version."""
    settings = ProcessSettings(
        data=tmp_path, database="sqlite", prefect_port=9, engine_url="unix:///nowhere.sock", _env_file=None
    )
    store = PoolStore.open(settings.pool_database_url)
    store.upgrade()
    store.close()
    set_version(settings, "0003")
    return settings


def set_version(settings, version: str) -> None:
    with sqlite3.connect(settings.data / "pool.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))


def version_of(settings) -> str:
    with sqlite3.connect(settings.data / "pool.sqlite") as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_why_leaves_an_older_database_as_it_is_and_says_that_make_up_migrates_it(settings):
    with pytest.raises(Refused, match="of an older version: `make up` brings them up to date"):
        show_history(settings, "host", "main-01")
    assert version_of(settings) == "0003"


def test_status_shows_what_runs_beside_a_database_that_it_does_not_migrate(settings, capsys):
    show_status(settings)
    shown = capsys.readouterr().out
    assert "`make up` brings them up to date" in shown
    assert "gateway" in shown
    assert version_of(settings) == "0003"


def test_a_database_of_a_newer_version_is_named_as_such(settings):
    set_version(settings, "9999")
    with pytest.raises(Refused, match="newer version of DockerDriver"):
        show_history(settings, "host", "main-01")
