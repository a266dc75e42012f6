"""Which databases an installation has, in words, and whether they answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from blocks.settings import ProcessSettings
from pool.errors import DockerDriverError, Refused
from pool.store.engine import shown
from pool.store.pool_store import PoolStore
from runtime.databases.own_database import cluster, database_running, place, programs_of

Say = Callable[[str], None]
COMMAND = "dockerdriver move-to-postgresql"
SQLITE = "sqlite"
NOT_MADE = "not made yet"


@dataclass(frozen=True)
class Database:
    """One of the two databases."""

    name: str  # for people: "the pool's database"
    setting: str  # that names another one
    url: str
    own: str  # URL of its place in the stack's own PostgreSQL
    file: Path  # its place where SQLite is in use
    folder: Path  # of the stack's own PostgreSQL

    @property
    def on_sqlite(self) -> bool:
        """Whether SQLite keeps it."""
        return self.url.startswith(SQLITE)

    @property
    def with_the_stack(self) -> bool:
        """Whether it runs with the stack; the pool's on SQLite is a file that always answers."""
        return self.url == self.own or self.on_sqlite

    @property
    def where(self) -> str:
        """In words, without a password: "PostgreSQL of the stack's own, in /srv/dd/postgres"."""
        if self.url == self.own:
            return f"PostgreSQL of the stack's own, in {self.folder}"
        return f"SQLite, {self.url.partition('///')[2]}" if self.on_sqlite else f"PostgreSQL, {shown(self.url)}"


def databases(settings: ProcessSettings) -> tuple[Database, Database]:
    """Return the pool's database and that of Prefect's server."""
    pool = settings.pool_database_url, settings.own_pool_url, settings.pool_sqlite
    prefect = settings.prefect_server_url, settings.own_prefect_url, settings.prefect_sqlite
    return (
        Database("the pool's database", "DD_DATABASE_URL", *pool, place(settings)),
        Database("Prefect's database", "PREFECT_SERVER_DATABASE_CONNECTION_URL", *prefect, place(settings)),
    )


def check_databases(settings: ProcessSettings) -> None:
    """Look before anything is started: an empty database beside the one that has the records helps no operator.

    Raises:
        Refused: the setting `DD_DATABASE` is not of the kind that holds this installation's records.
        DockerDriverError: PostgreSQL is wanted and not installed.
    """
    for database in databases(settings):
        if database.url == database.own and database.file.exists():
            raise Refused(
                f"{database.name} is the SQLite file {database.file}, and DD_DATABASE is postgresql: "
                f"move it there with `{COMMAND}`"
            )
        empty = database.on_sqlite and not database.file.exists()
        if settings.database == SQLITE and empty and cluster(settings).exists():
            raise Refused(
                f"{database.name} is in the stack's own PostgreSQL, {cluster(settings)}, and DD_DATABASE is sqlite: "
                "take the setting away"
            )
    if settings.runs_postgresql:
        programs_of(settings)


def check_moved(settings: ProcessSettings) -> None:
    """Look whether records would be left behind: another server is named, which is empty, and the stack's own is not.

    One that does not answer is passed over: the process that asks it next names it.

    Raises:
        Refused: they would; the manager would know no host and no session.
    """
    if settings.runs_postgresql or settings.api_url or not cluster(settings).exists():
        return
    store = PoolStore.open(settings.pool_database_url, wait_seconds=0)
    try:
        if store.trouble() or store.has_tables():
            return
    finally:
        store.close()
    raise Refused(
        f"{shown(settings.pool_database_url)} is empty, and the records of this installation are in the stack's own"
        f" PostgreSQL, {cluster(settings)}: move them there first, as docs/databases.md says"
    )


def say_which_databases(settings: ProcessSettings, say: Say) -> None:
    """Say that an installation is on SQLite, and what follows from it."""
    files = [database.url.rpartition("/")[2] for database in databases(settings) if database.on_sqlite]
    if not files:
        return
    if settings.database == SQLITE:
        say("the databases are SQLite, as DD_DATABASE says: good for a quick look, not for a class")
    else:
        say(f"stays on SQLite ({', '.join(files)}); `{COMMAND}` moves it to PostgreSQL, which serves many at once")


@contextmanager
def pool_database_running(settings: ProcessSettings) -> Iterator[None]:
    """Have the pool's database answer while the stack is stopped, too, where it is the stack's own.

    Raises:
        DockerDriverError: it does not start.
    """
    own = settings.pool_database_url == settings.own_pool_url and cluster(settings).exists()
    with database_running(settings) if own else nullcontext():
        yield


def trouble_with(settings: ProcessSettings, url: str) -> str:
    """Return why a database does not answer a query; empty: it answers."""
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return NOT_MADE
    if url in (settings.own_pool_url, settings.own_prefect_url) and not settings.database_socket.exists():
        return "stopped" if cluster(settings).exists() else NOT_MADE
    try:
        store = PoolStore.open(url)
        trouble = store.trouble()
        store.close()
    except DockerDriverError as error:
        return str(error)
    return trouble
