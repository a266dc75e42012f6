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


def downgrade(engine: Engine, revision: str) -> list[str]:
    """Bring the tables back to an earlier revision; what only later ones know is lost.

    Returns:
        The revisions that were taken back, the newest first.

    Raises:
        Refused: there is no such revision before the present one, or no way back from one in between; nothing changed.
    """
    with engine.begin() as connection:
        _wait_for_turn(connection)
        found = MigrationContext.configure(connection).get_current_revision()
        between = _between(revision, found)
        with _alembic:
            command.downgrade(_config(connection=connection), revision)
    return between


def _between(revision: str, found: str | None) -> list[str]:
    scripts = ScriptDirectory.from_config(_config())
    known = {script.revision: script for script in scripts.walk_revisions()}
    if found not in known or revision not in known:
        raise Refused(f"tables of revision {found} cannot be taken back to {revision}: this version does not know both")
    between, at = list[str](), known[found]
    while at.revision != revision:
        if not hasattr(at.module, "downgrade"):
            raise Refused(
                f"tables cannot be taken back to {revision}: there is no way back from revision {at.revision}"
            )
        between.append(at.revision)
        if not isinstance(at.down_revision, str):
            raise Refused(f"tables of revision {found} cannot be taken back to {revision}, which is newer")
        at = known[at.down_revision]
    return between


def has_tables(connection: Connection) -> bool:
    """Whether the tables were ever made in this database, by whichever version."""
    return MigrationContext.configure(connection).get_current_revision() is not None


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
