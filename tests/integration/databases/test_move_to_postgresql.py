"""An installation moves from its real SQLite files to a real PostgreSQL of its own: pool and Prefect."""

import json
import uuid
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from prefect.server.database.orm_models import Base
from prefect.server.schemas.states import StateType
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from blocks.settings import ProcessSettings
from pool.errors import Refused
from pool.store.pool_store import PoolStore
from runtime.databases.moving import _migrate_prefect, move
from runtime.databases.own_database import database_running
from tests.rigs.pool_data import ask, claim_active

# It makes all of Prefect's tables twice. In `make test`, contract/store/database/test_copying copies a pool's records.
pytestmark = [pytest.mark.integration, pytest.mark.nightly]

TABLES = Base.metadata.tables
SECRET = {"certificate": "-----BEGIN…", "key": "of the authority"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> ProcessSettings:
    """An installation of before, stopped."""
    data = tmp_path_factory.mktemp("installation")
    settings = ProcessSettings(data=data, database="sqlite", _env_file=None)
    store = PoolStore.open(settings.pool_database_url)
    store.upgrade()
    claim_active(store)
    ask(store, "alice-1")
    store.close()
    _migrate_prefect(settings.prefect_server_url, settings)
    fill(f"sqlite:///{settings.prefect_sqlite}")
    return ProcessSettings(data=data, _env_file=None)


def fill(url: str) -> None:
    """What a server would have written: an encrypted block, a paused schedule, an open run and one that has ended."""
    key = Fernet.generate_key()
    engine = create_engine(url, poolclass=NullPool)  # or an open connection keeps the file from being put aside
    with engine.begin() as connection:

        def add(table: str, **values: object) -> uuid.UUID:
            made, now = uuid.uuid4(), datetime.now(UTC)
            connection.execute(TABLES[table].insert().values(values | {"id": made, "created": now, "updated": now}))
            return made

        add("configuration", key="ENCRYPTION_KEY", value={"fernet_key": key.decode()})
        kind = add("block_type", name="Certificate authority", slug="authority", is_protected=False)
        schema = add("block_schema", checksum="sha256:1", fields={}, capabilities=[], block_type_id=kind, version="1")
        data = Fernet(key).encrypt(json.dumps(SECRET).encode()).decode()
        add("block_document", name="main", data=data, is_anonymous=False, block_type_id=kind, block_schema_id=schema)
        flow = add("flow", name="housekeep", tags=[])
        deployment = add("deployment", name="scheduled", flow_id=flow, paused=False, tags=["ours"])
        add("deployment_schedule", deployment_id=deployment, schedule={"interval": 30.0}, active=False, slug="tick")
        for state in (StateType.SCHEDULED, StateType.COMPLETED):
            run = add("flow_run", name=f"a-{state.value}", flow_id=flow, deployment_id=deployment, state_type=state)
            found = add("flow_run_state", flow_run_id=run, type=state, name=state.value.title(), message="")
            connection.execute(TABLES["flow_run"].update().where(TABLES["flow_run"].c.id == run).values(state_id=found))
        newest = [add("artifact", key="instance-alice-1", type="table", data=f'[{{"n": {n}}}]') for n in range(2)][-1]
        add("artifact_collection", key="instance-alice-1", latest_id=newest, type="table", data='[{"n": 1}]')


@pytest.fixture(scope="module")
def moved(settings):
    """What the command said; the database runs."""
    said: list[str] = []
    move(settings, said.append)
    with database_running(settings):
        yield said


def rows_of_prefect(settings: ProcessSettings, table: str) -> list:
    url = settings.own_prefect_url.replace("asyncpg", "psycopg")
    with create_engine(url).connect() as connection:
        return list(connection.execute(select(TABLES[table])))


def test_the_pools_records_are_there_and_the_counts_are_said(settings, moved):
    store = PoolStore.open(settings.pool_database_url)
    assert ([h.name for h in store.hosts.all()], [i.id for i in store.instances.all()]) == (["main-01"], ["alice-1"])
    assert "hosts 1, instances 1" in moved[1]
    store.close()


def test_the_installation_is_on_postgresql_from_then_on_and_the_files_are_kept(settings, moved):
    assert settings.pool_database_url == settings.own_pool_url
    assert settings.prefect_server_url == settings.own_prefect_url
    kept = [path.name.split("-")[0] for path in settings.data.rglob("*.moved-*")]
    assert sorted(kept) == ["pool.sqlite.moved", "prefect.db.moved"]


def test_a_block_can_be_read_with_the_key_that_came_along(settings, moved):
    [key] = rows_of_prefect(settings, "configuration")
    [block] = rows_of_prefect(settings, "block_document")
    assert json.loads(Fernet(key.value["fernet_key"]).decrypt(block.data)) == SECRET


def test_what_was_accepted_and_has_not_ended_is_still_to_be_done(settings, moved):
    [run], [state] = rows_of_prefect(settings, "flow_run"), rows_of_prefect(settings, "flow_run_state")
    assert (run.name, run.state_id, state.type) == ("a-SCHEDULED", state.id, StateType.SCHEDULED)


def test_a_schedule_that_an_operator_paused_stays_paused_and_an_answer_can_be_read(settings, moved):
    assert [schedule.active for schedule in rows_of_prefect(settings, "deployment_schedule")] == [False]
    assert [artifact.data for artifact in rows_of_prefect(settings, "artifact")] == ['[{"n": 1}]']


def test_again_there_is_nothing_to_move(settings, moved):
    said: list[str] = []
    move(settings, said.append)
    assert "there is nothing to move" in said[0]


def test_a_setting_that_says_sqlite_is_to_be_taken_away_first(settings, moved):
    with pytest.raises(Refused, match="DD_DATABASE is sqlite: take the setting away, then move"):
        move(settings.model_copy(update={"database": "sqlite"}), print)
