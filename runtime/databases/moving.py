"""`dockerdriver move-to-postgresql`: from the SQLite files of an installation to PostgreSQL, all or nothing of each.

An installation is on SQLite as long as its file has its name: what renames the file moves the installation. Before that
everything may be done again; a note beside the file says that rows in the target are no more than a copy of it.
"""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from blocks.gateway.config import gateway_config
from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from pool.printable import how_many
from pool.store.copying import Copied, Selection, copy_records, pool_selections
from pool.store.pool_store import PoolStore
from runtime.databases.databases import SQLITE, Database, Say, databases
from runtime.databases.own_database import database_running, remove_sockets
from runtime.supervision.environment import stack_environment
from runtime.supervision.gateway_process import end_orphaned_workers
from runtime.supervision.processes import PYTHON, Processes

MIGRATION_SECONDS = 600


def move(settings: ProcessSettings, say: Say) -> None:
    """Move what is on SQLite to PostgreSQL: the stack's own, or what the settings name.

    Raises:
        Refused: the settings say SQLite, or the target has records of its own.
        DockerDriverError: a database cannot be used. Both SQLite files, or the one that is left, are in use as before.
    """
    to = settings.model_copy(update={"database": "postgresql"})
    left = [database for database in databases(to) if database.file.exists()]
    _check(settings, left)
    if not left:
        say("there is nothing to move: no database of this installation is an SQLite file below " + str(settings.data))
        return
    say("stops the stack's processes; hosts and their sessions live on")
    Processes(settings).stop_all()
    end_orphaned_workers(gateway_config(settings))
    with database_running(to) if to.runs_postgresql else nullcontext():
        pool, prefect = databases(to)
        if pool in left:
            move_pool(pool, say)
        if prefect in left:
            move_prefect(prefect, to, say)
    remove_sockets(to)
    say("moved; `make up` (or `dockerdriver up`) starts the stack on PostgreSQL")


def _check(settings: ProcessSettings, left: Sequence[Database]) -> None:
    if settings.database == SQLITE:
        raise Refused("DD_DATABASE is sqlite: take the setting away, then move")
    for database in left:
        if database.on_sqlite:
            raise Refused(f"{database.setting} names an SQLite file: take the setting away, or name a PostgreSQL")


def move_pool(database: Database, say: Say) -> None:
    """Move the pool's records.

    Raises:
        Refused: the target has records of its own, or does not take these.
    """
    source = f"sqlite:///{database.file}"
    for url in (source, database.url):
        store = PoolStore.open(url)
        if trouble := store.trouble():
            raise DockerDriverError(f"{database.name} cannot be used: {trouble}")
        store.upgrade()
        store.close()
    _move(database, source, pool_selections(), say)


def move_prefect(database: Database, settings: ProcessSettings, say: Say) -> None:
    """Move what Prefect's server keeps, but for what was: ended runs, task runs, logs and events.

    Raises:
        Refused: the target has blocks or flows of its own, or does not take these.
        DockerDriverError: Prefect cannot make its tables.
    """
    for url in (f"sqlite+aiosqlite:///{database.file}", database.url):
        _migrate_prefect(url, settings)
    _move(database, f"sqlite:///{database.file}", prefect_selections(), say)


def _migrate_prefect(url: str, settings: ProcessSettings) -> None:
    """Have Prefect bring its tables to the form of this version, which both must have."""
    environment = stack_environment(settings, settings.engine_url) | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}
    command = [*PYTHON, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=MIGRATION_SECONDS
    )
    if done.returncode != 0:
        raise DockerDriverError(f"Prefect could not make its tables: {(done.stderr or done.stdout).strip()[-500:]}")


def _move(database: Database, source: str, parts: Sequence[Selection], say: Say) -> None:
    note = _note(database.file)
    copied = copy_records(source, database.url, parts, refill=note.exists(), before_commit=note.touch)
    say(f"{database.name}: {_sum_of(copied)}; counts and checksums are the same in {database.where}")
    _put_aside(database.file)
    note.unlink()


def _sum_of(copied: Sequence[Copied]) -> str:
    named = ", ".join(f"{part.table} {part.rows}" for part in copied if part.rows)
    return f"copied {how_many(sum(part.rows for part in copied), 'row')} ({named})"


def _note(file: Path) -> Path:
    return file.with_name(file.name + ".moving")


def _put_aside(file: Path) -> None:
    """Have all of it in the one file, and rename that: from here on PostgreSQL has the records."""
    try:
        with closing(sqlite3.connect(file, timeout=30)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise DockerDriverError(
            f"{file} is open in another process ({error}): end that, then move once more"
        ) from error
    file.rename(file.with_name(f"{file.name}.moved-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"))
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def prefect_selections() -> list[Selection]:
    """Return what goes along of Prefect's database, each table after those that it refers to.

    Blocks with the key that they are encrypted by; what operators made or paused; what platforms know by id or key
    (deployments, the latest answer of each session); and every run that was accepted and has not ended.
    """
    from prefect.server.database.orm_models import Base  # noqa: PLC0415 - Prefect takes two seconds to import

    tables = Base.metadata.tables
    run, state, inputs = tables["flow_run"], tables["flow_run_state"], tables["flow_run_input"]
    artifact, latest = tables["artifact"], tables["artifact_collection"]
    open_runs = run.c.state_type.in_(["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"])
    of_open_runs = run.select().with_only_columns(run.c.id).where(open_runs)
    newest = latest.select().with_only_columns(latest.c.latest_id)
    return [
        *(Selection(tables[name], precious=name in PRECIOUS, later=LATER.get(name, set())) for name in WHOLE),
        Selection(artifact, artifact.c.id.in_(newest), precious=False),
        Selection(latest, precious=False),
        Selection(run, open_runs, nulls={"parent_task_run_id"}, later={"state_id"}, precious=False),
        Selection(state, state.c.flow_run_id.in_(of_open_runs), nulls={"result_artifact_id"}, precious=False),
        Selection(inputs, inputs.c.flow_run_id.in_(of_open_runs), precious=False),
    ]


WHOLE = (
    "configuration",
    "block_type",
    "block_schema",
    "block_schema_reference",
    "block_document",
    "block_document_reference",
    "variable",
    "saved_search",
    "concurrency_limit",
    "concurrency_limit_v2",
    "work_pool",
    "work_queue",
    "flow",
    "deployment",
    "deployment_schedule",
    "automation",
    "automation_related_resource",
)
#: A database that has any of these is used by a server already.
PRECIOUS = {"block_document", "variable", "flow", "automation"}
LATER = {"work_pool": {"default_queue_id"}}
