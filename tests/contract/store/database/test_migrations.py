"""The migrations and the doors to both databases."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from traceback import format_exception

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from pool.errors import BadRequest, Refused
from pool.store.migrations import _config
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.pool_data import ask, claim, claim_active
from tests.rigs.present import present

pytestmark = pytest.mark.contract

UPGRADE = "import sys; from pool.store.pool_store import PoolStore; PoolStore.open(sys.argv[1]).upgrade()"


def test_the_migrated_tables_are_those_of_the_schema(store, store_url):
    with create_engine(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_changes_nothing(store):
    claim(store)
    store.upgrade()
    assert [host.name for host in store.hosts.all()] == ["main-01"]


def test_processes_that_upgrade_at_once_all_succeed(database_url):
    upgrades = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, database_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [upgrade.communicate(timeout=60)[1] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], errors


def test_threads_that_open_and_upgrade_at_once_all_succeed(database_url):
    def upgraded(_number: int) -> list:
        store = PoolStore.open(database_url)
        store.upgrade()
        hosts = store.hosts.all()
        store.close()
        return hosts

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(upgraded, range(8))) == [[]] * 8


def test_new_sqlite_files_that_many_threads_open_at_once_open_for_all(tmp_path):
    def opened(number: int) -> int:
        store = PoolStore.open(f"sqlite:///{tmp_path}/{number // 8}.sqlite")
        store.upgrade()
        store.close()
        return number

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(opened, range(80))) == list(range(80))


def test_the_newest_tables_go_back_one_version_and_forward_again_with_what_they_hold(store, store_url):
    claim(store)
    scripts = ScriptDirectory.from_config(_config())
    newest = scripts.get_revision(present(scripts.get_current_head()))
    assert store.downgrade(newest.down_revision) == [newest.revision]
    with pytest.raises(Refused, match="of an older version"):
        store.check_current()
    store.upgrade()
    with create_engine(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        assert compare_metadata(context, metadata) == []
    assert [host.name for host in store.hosts.all()] == ["main-01"]


def test_the_tables_go_back_as_far_as_there_is_a_way_and_are_those_that_the_older_version_made(store, store_url):
    assert store.downgrade("0035")[-2:] == ["0037", "0036"]
    with create_engine(store_url).connect() as connection:
        assert "backup_places" not in inspect(connection).get_table_names()
    for unknown, why in (
        ("0034", "no way back from revision 0035"),
        ("0036", "cannot be taken back to 0036"),
        ("x", "does not know"),
    ):
        with pytest.raises(Refused, match=why):
            store.downgrade(unknown)


def test_a_database_of_a_newer_version_is_left_alone(store, store_url):
    with create_engine(store_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer version of DockerDriver"):
        store.upgrade()


def test_the_database_itself_refuses_an_over_committed_host(store, store_url):
    claim_active(store)
    for wrong in (7, -1):
        with pytest.raises(IntegrityError), create_engine(store_url).begin() as connection:
            connection.execute(text("UPDATE hosts SET reserved = :wrong"), {"wrong": wrong})


def test_the_database_itself_refuses_a_port_without_a_host(store, store_url):
    ask(store)
    with pytest.raises(IntegrityError), create_engine(store_url).begin() as connection:
        connection.execute(text("UPDATE instances SET port = 20000"))


def test_an_error_of_the_database_shows_no_parameters(store):
    with pytest.raises(IntegrityError) as raised:
        ask(store, instance_id="-".join(["zoe", "7"]), slots=0)  # a traceback shows this line too
    assert "zoe-7" not in "".join(format_exception(raised.value))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://root:hunter2@db/pool", "is SQLite or PostgreSQL, not mysql"),
        ("hunter2", "URL must look like"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_a_url_that_the_pool_cannot_be_kept_in_is_refused_without_showing_it(url, sentence):
    with pytest.raises(BadRequest, match=sentence) as raised:
        PoolStore.open(url)
    assert "hunter2" not in str(raised.value)


def test_an_sqlite_file_and_its_journal_are_for_their_owner_alone(tmp_path):
    store = PoolStore.open(f"sqlite:///{tmp_path}/new/pool.sqlite")
    store.upgrade()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    store.close()
    assert modes == {"pool.sqlite": 0o600, "pool.sqlite-wal": 0o600, "pool.sqlite-shm": 0o600}
