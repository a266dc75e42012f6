"""Changes of the tables, run by Alembic from inside the program: there is no alembic.ini."""

from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from pool.errors import Refused

_LOCK = 0x444F434B  # "DOCK": the advisory lock that upgrades of one PostgreSQL database take turns by
_alembic = Lock()  # it keeps the upgrade under way in globals of its module: one at a time in a process


def upgrade(engine: Engine) -> None:
    """Apply what is missing, in one transaction: a crash leaves the old tables, a second upgrader finds nothing to do.

    Raises:
        Refused: the database is of a newer version than this program.
    """
    with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE, so a second upgrader waits here
        _wait_for_turn(connection)
        try:
            with _alembic:
                command.upgrade(_config(connection=connection), "head")
        except CommandError as error:
            reason = f"the pool's database was made by a newer version of DockerDriver than this one: {error}"
            raise Refused(reason) from error


def check_current(connection: Connection) -> None:
    """Change nothing; say whether the tables are of the form that this version reads.

    Raises:
        Refused: they are not; the sentence says what brings them there.
    """
    found = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if found == scripts.get_current_head():
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if found is None or found in known:
        raise Refused("the pool's database has the tables of an older version: `make up` brings them up to date")
    raise Refused(f"the pool's database was made by a newer version of DockerDriver than this one ({found})")


def _config(**attributes: object) -> Config:
    config = Config(attributes=attributes)
    config.set_main_option("script_location", "pool.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _wait_for_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
