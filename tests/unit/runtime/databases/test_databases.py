"""Which databases an installation has: the settings, the files that are there, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from pool.store.pool_store import PoolStore
from runtime.command.doctor.pools import examine_databases
from runtime.command.doctor.told import tell
from runtime.databases.databases import (
    NOT_MADE,
    check_databases,
    check_moved,
    databases,
    say_which_databases,
    trouble_with,
)
from runtime.databases.own_database import DATABASES, plain_environment, programs_of
from runtime.stack.start import programs
from runtime.supervision.environment import stack_environment
from runtime.supervision.gateway_process import without_secrets

pytestmark = pytest.mark.unit

ENGINE = "unix:///run/engine.sock"
THEIRS = "postgresql+psycopg://dd:hunter2@127.0.0.1:1/pool"


def an_installation(folder: Path, *files: str, **said: Any) -> ProcessSettings:
    """One with these SQLite files of earlier starts, and these settings."""
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    return ProcessSettings(data=folder, _env_file=None, **said)


def kinds(settings: ProcessSettings) -> tuple[str, str]:
    return settings.pool_database_url.split(":")[0], settings.prefect_server_url.split(":")[0]


POOL, PREFECT = "pool.sqlite", "prefect/prefect.db"
OWN, SQLITE = ("postgresql+psycopg", "postgresql+asyncpg"), ("sqlite", "sqlite+aiosqlite")


def test_a_new_installation_has_both_databases_in_a_postgresql_of_its_own(tmp_path):
    settings = an_installation(tmp_path)
    assert (kinds(settings), settings.runs_postgresql) == (OWN, True)
    assert [url.url.split("@/")[1].split("?")[0] for url in databases(settings)] == list(DATABASES)


def test_records_in_the_stack_s_own_postgresql_are_not_left_behind_for_an_empty_server(tmp_path):
    theirs = tmp_path / "theirs.sqlite"  # stands for a server of the operator's
    settings = an_installation(tmp_path, database_url=f"sqlite:///{theirs}", prefect_database_url=THEIRS)
    check_moved(settings)  # a new installation
    (tmp_path / "postgres" / "cluster").mkdir(parents=True)
    with pytest.raises(Refused, match=r"theirs.sqlite is empty, and the records of .* are in .*/cluster"):
        check_moved(settings)
    check_moved(settings.model_copy(update={"database_url": THEIRS}))  # it does not answer: that is said elsewhere
    store = PoolStore.open(settings.pool_database_url)
    store.upgrade()
    store.close()
    check_moved(settings)  # they are there


def test_an_installation_on_sqlite_stays_there_and_says_how_to_move(tmp_path):
    settings, said = an_installation(tmp_path, POOL, PREFECT), list[str]()
    say_which_databases(settings, said.append)
    assert (kinds(settings), settings.runs_postgresql) == (SQLITE, False)
    assert ["dockerdriver move-to-postgresql" in line for line in said] == [True]


def test_each_database_stays_where_it_is(tmp_path):
    assert kinds(an_installation(tmp_path, PREFECT, database_url=THEIRS)) == (OWN[0], SQLITE[1])


def test_sqlite_is_a_setting(tmp_path):
    settings, said = an_installation(tmp_path, database="sqlite"), list[str]()
    say_which_databases(settings, said.append)
    assert (kinds(settings), "quick look" in said[0]) == (SQLITE, True)


def test_an_operators_own_databases_count(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://p@db/prefect")
    settings = an_installation(tmp_path, POOL, PREFECT, database_url=THEIRS)
    assert (settings.pool_database_url, settings.prefect_server_url) == (THEIRS, "postgresql+asyncpg://p@db/prefect")
    assert not settings.runs_postgresql


def test_an_operators_own_database_of_prefects_may_stand_in_the_file(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    file = tmp_path / "dockerdriver.env"
    file.write_text("PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://p@db/prefect\n")
    assert ProcessSettings(data=tmp_path, _env_file=file).prefect_server_url == "postgresql+asyncpg://p@db/prefect"


def test_no_stack_begins_with_an_empty_database_beside_the_one_that_has_the_records(tmp_path):
    with pytest.raises(Refused, match=r"pool\.sqlite, and DD_DATABASE is postgresql: move it there with"):
        check_databases(an_installation(tmp_path, POOL, database="postgresql"))
    (tmp_path / "postgres" / "cluster").mkdir(parents=True)
    with pytest.raises(Refused, match=r"in the stack's own PostgreSQL, .* and DD_DATABASE is sqlite: take the setting"):
        check_databases(an_installation(tmp_path, POOL, database="sqlite"))


def test_every_process_of_the_stack_gets_the_databases_that_were_chosen(tmp_path):
    chosen = an_installation(tmp_path, PREFECT)
    environment = stack_environment(chosen, ENGINE)
    (tmp_path / POOL).touch()  # whatever comes later
    assert environment["DD_DATABASE_URL"] == chosen.own_pool_url
    assert environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"].endswith("/prefect/prefect.db")


def test_the_database_is_the_first_to_start_the_last_to_stop_and_stops_fast(tmp_path):
    first, *others = programs(an_installation(tmp_path), own_engine=True)
    assert (first.name, first.stop_signal) == ("database", "INT")
    assert all(first.order < other.order for other in others)


def test_a_stack_on_sqlite_runs_no_postgresql(tmp_path):
    assert "database" not in [program.name for program in programs(an_installation(tmp_path, database="sqlite"), False)]


def test_neither_nginx_nor_the_accounts_of_postgresql_get_a_password(tmp_path):
    environment = stack_environment(an_installation(tmp_path, database_url=THEIRS), ENGINE)
    assert not [name for name, value in without_secrets(environment).items() if "hunter2" in value]
    assert set(plain_environment(environment)) <= {"PATH", "TZ", "DD_STACK", "LC_ALL"}


def test_a_cluster_keeps_the_version_that_made_it(tmp_path):
    settings = an_installation(tmp_path / "data")
    for version in ("9.6", "15", "17"):
        program = tmp_path / "lib" / version / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.touch()
    assert programs_of(settings, tmp_path / "lib").parts[-2] == "17"
    mark = tmp_path / "data" / "postgres" / "cluster" / "PG_VERSION"
    mark.parent.mkdir(parents=True)
    mark.write_text("15\n")
    assert programs_of(settings, tmp_path / "lib").parts[-2] == "15"
    mark.write_text("16\n")
    with pytest.raises(DockerDriverError, match=r"is of PostgreSQL 16, .*apt-get install postgresql-16.*to 17 with"):
        programs_of(settings, tmp_path / "lib")


def test_without_postgresql_one_sentence_says_what_to_install(tmp_path):
    with pytest.raises(DockerDriverError, match="apt-get install postgresql"):
        programs_of(an_installation(tmp_path), tmp_path / "nothing")


def test_what_was_never_made_is_no_trouble_of_the_doctors_and_a_database_that_is_away_is(tmp_path):
    settings, said = an_installation(tmp_path), list[str]()
    assert trouble_with(settings, settings.pool_database_url) == NOT_MADE
    assert tell(examine_databases(settings, runs=False), said.append) == 0
    away = an_installation(tmp_path, database_url=THEIRS)
    assert tell(examine_databases(away, runs=False), said.append) == 1
    assert ("DD_DATABASE_URL" in said[2], "hunter2" in "".join(said)) == (True, False)


def test_on_sqlite_the_doctor_says_of_both_databases_whether_they_were_made(tmp_path):
    settings = an_installation(tmp_path, database="sqlite")
    assert [NOT_MADE in one.says for one in examine_databases(settings, runs=False)] == [True, True]
    settings.prefect_sqlite.parent.mkdir(parents=True)
    settings.prefect_sqlite.touch()
    assert [NOT_MADE in one.says for one in examine_databases(settings, runs=False)] == [True, False]
