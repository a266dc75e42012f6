"""The pool's records from a real SQLite file to a real PostgreSQL: all of them, compared, or nothing."""

import pytest
from sqlalchemy import create_engine, func, select, text

from pool.errors import Refused
from pool.records import FlavorSize, Image
from pool.states import HostState
from pool.store.copying import copy_records, pool_selections
from pool.store.pool_store import PoolStore
from pool.store.schema import metadata
from tests.rigs.pool_data import NOW, ask, claim_active, place
from tests.rigs.services.databases import migrated_postgres, migrated_sqlite

pytestmark = pytest.mark.contract


@pytest.fixture
def source(tmp_path) -> str:
    """An installation with a host, a session on it and one that waits, and a tick."""
    file = tmp_path / "pool.sqlite"
    file.write_bytes(migrated_sqlite())
    store = PoolStore.open(f"sqlite:///{file}")
    claim_active(store)
    ask(store, "alice-1")
    place(store, "alice-1")
    ask(store, "zoë-2")
    store.images.put(Image("main", "jupyter", "sha256:jupyter", 1))
    store.close()
    return f"sqlite:///{file}"


@pytest.fixture
def target(postgres) -> str:
    return postgres.copy_of(migrated_postgres(postgres))


def copy(source: str, target: str, refill: bool = False, before_commit=lambda: None) -> dict[str, int]:
    copied = copy_records(source, target, pool_selections(), refill, before_commit)
    return {table.table: table.rows for table in copied}


def records(url: str) -> tuple:
    store = PoolStore.open(url)
    found = store.hosts.all(), store.instances.all(), store.images.catalogue("main"), store.history.of_host("main-01")
    store.close()
    return found


def rows(url: str, table: str) -> int:
    with create_engine(url).connect() as connection:
        return connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()


def test_every_record_is_the_same_in_the_other_database(source, target):
    copied = copy(source, target)
    assert (copied["hosts"], copied["instances"], copied["images"]) == (1, 2, 1)
    assert records(target) == records(source)


def test_the_pool_goes_on_there(source, target):
    copy(source, target)
    store = PoolStore.open(target)
    store.hosts.move("main-01", HostState.DRAINING, NOW)
    assert store.hosts.claim("main", FlavorSize.SMALL, 6, "run-2", 4, NOW).name == "main-02"
    store.close()


def test_a_database_that_has_records_is_left_alone(source, target):
    copy(source, target)
    with pytest.raises(Refused, match="of the target has 6 rows already, which may not be lost"):
        copy(source, target)


def test_a_copy_that_did_not_count_yet_is_made_anew(source, target):
    copy(source, target)
    store = PoolStore.open(source)
    ask(store, "late-3")
    store.close()
    assert copy(source, target, refill=True)["instances"] == 3
    assert records(target) == records(source)


def test_a_copy_that_is_interrupted_leaves_nothing(source, target):
    def power_cut() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, target, before_commit=power_cut)
    assert rows(target, "hosts") == 0


def test_what_the_other_database_does_not_take_is_said_and_nothing_is_copied(source, target):
    with create_engine(source).begin() as connection:
        connection.execute(
            text(
                "UPDATE hosts SET server_id = :far",
            ),
            {"far": "x" * 300},
        )
    with pytest.raises(Refused, match="nothing was changed: value too long"):
        copy(source, target)
    assert rows(target, "changes") == 0


def test_a_word_that_this_version_no_longer_knows_goes_along(source, target):
    with create_engine(source).begin() as connection:
        connection.execute(text("UPDATE hosts SET fault = 'of old'"))
    copy(source, target)
    with create_engine(target).connect() as connection:
        assert connection.scalar(text("SELECT fault FROM hosts")) == "of old"


def test_no_process_writes_to_the_source_meanwhile(source, target):
    def write() -> None:
        with create_engine(source, connect_args={"timeout": 0}).begin() as connection:
            connection.execute(text("UPDATE hosts SET reason = 'meanwhile'"))

    with pytest.raises(Refused, match="database is locked"):
        copy(source, target, before_commit=write)
