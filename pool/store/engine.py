"""Connections and transactions: what the parts of the store have in common."""

import secrets
import sqlite3
from base64 import b32encode
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from inspect import isfunction
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    ExceptionContext,
    Insert,
    Table,
    create_engine,
    delete,
    event,
    literal,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from pool.errors import BadRequest
from pool.store.kept_inserts import KeptInsert
from pool.store.outage import Outage, Patience, number_of, outlasting, status_of
from pool.store.pings import ping_seldom

#: Seconds that a transaction waits for another one, and that PostgreSQL lets one idle (its process may be frozen).
LOCK_WAIT = 30
#: Connections of a process at the most; each of its threads holds one for the time of one short transaction.
POOL = {"pool_size": 16, "max_overflow": 32, "pool_timeout": 60}
#: Values that one query is given: PostgreSQL takes 65,535 at the most, SQLite by itself 32,766.
VALUES_AT_ONCE = 10_000
#: PostgreSQL gives each statement its own view of the data anyway. Without a transaction around it, a read of 200,000
#: rows is not idle in one while this process makes records of them, and each read is two round trips less.
_READING = {"postgresql": {"isolation_level": "AUTOCOMMIT"}}
_READS = "dockerdriver_reads"  # execution option of connections that will not write


class Database:
    """One engine, safe to use from many threads; every transaction is short and calls nothing outside."""

    def __init__(self, engine: Engine, patience: Patience | None = None) -> None:
        self.engine = engine
        self.outage = Outage(engine.url, patience or Patience())
        self.secret = unguessable  # makes routes and tokens
        self.writes = 0  # transactions that were begun; what a publisher looks for comes with one of them
        self._readers = engine.execution_options(**{_READS: True} | _READING.get(engine.dialect.name, {}))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def trouble(self) -> str:
        """Return why the database does not answer a query, in its own words; empty: it answers."""
        try:
            with self.reading() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0]
        return ""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """What only reads: on SQLite a transaction that waits for no writer, on PostgreSQL each statement by itself."""
        with self._readers.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Everything in the block, or nothing of it when the block raises. When it ends, it is committed."""
        self.writes += 1
        with self.engine.connect() as connection:  # what is not committed when it closes is undone
            connection.begin()
            yield connection
            number = number_of(connection)
            try:
                connection.commit()
            except DBAPIError as error:
                if number is None:
                    raise
                self.outage.settle(number, self._status, error)

    def _status(self, number: int) -> str | None:
        with self.reading() as connection:
            return status_of(connection, number)


class Part:
    """One noun's part of the store, on the one database that all parts share. Each public method is one call.

    A call waits for a database that is away (see ``pool/store/outage.py``), so a method makes at most one transaction
    that changes anything, and nothing that may fail after it.
    """

    def __init_subclass__(cls, **more: object) -> None:
        """Have every public method outlast an outage."""
        super().__init_subclass__(**more)
        for name, method in list(vars(cls).items()):
            if isfunction(method) and not name.startswith("_"):
                setattr(cls, name, outlasting(method))

    def __init__(self, database: Database) -> None:
        self._db = database
        self.outage = database.outage


def delete_any(database: Database, table: Table, which: ColumnElement[bool]) -> int:
    """Delete the rows that a condition holds for; how many there were.

    It looks first: a writer would wait for others, mostly for nothing.
    """
    with database.reading() as connection:
        if connection.scalar(select(literal(1)).select_from(table).where(which).limit(1)) is None:
            return 0
    with database.writing() as connection:
        return connection.execute(delete(table).where(which)).rowcount


def open_engine(url: str) -> Engine:
    """Make the engine; nothing connects yet.

    Raises:
        BadRequest: the URL is none, or is of a database that the pool does not keep its records in.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql_engine(parsed)
    raise BadRequest(f"the pool's database is SQLite or PostgreSQL, not {parsed.get_backend_name()}")


def shown(url: str) -> str:
    """Return the URL as it may be printed: without a password."""
    return _parsed(url).render_as_string(hide_password=True)


def insert_unless_there(connection: Connection, table: Table, *key: str) -> Insert:
    """An INSERT that does nothing when a row of this *key* exists; without a key, when any unique column clashes.

    What it inserted is told by RETURNING: the row count of an INSERT is not to be had from every driver.
    """
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else KeptInsert
    made: Insert = insert(table).on_conflict_do_nothing(index_elements=list(key) or None)
    return made


def in_parts(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values in order, as many at once as a query may be given: a large pool has 200,000 sessions."""
    rest = sorted(values)
    for begin in range(0, len(rest), VALUES_AT_ONCE):
        yield rest[begin : begin + VALUES_AT_ONCE]


def unguessable() -> str:
    """160 random bits in 32 characters of a-z2-7: fit for a URL, a host name and a header."""
    return b32encode(secrets.token_bytes(20)).decode().lower()


def check_facts(facts: dict[str, Any], allowed: Set[str]) -> None:
    """Let a caller set only the columns that are facts, never those that hold an invariant."""
    if unknown := facts.keys() - allowed:
        raise TypeError(f"{', '.join(sorted(unknown))} cannot be set here; {', '.join(sorted(allowed))} can")


def _parsed(url: str) -> URL:
    scheme, sign, rest = url.strip().partition("://")
    kind = scheme.lower()
    try:
        return make_url(f"{'postgresql' if kind == 'postgres' else kind}{sign}{rest}")  # libpq takes both
    except (ArgumentError, ValueError) as error:  # its message would show the URL, and with it a password
        raise BadRequest(
            "the pool's database URL must look like sqlite:////path or postgresql+psycopg://user@host/name"
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise BadRequest("the pool's database must be a file (sqlite:////path): in memory each thread has its own")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # it holds the sessions' tokens; its journal gets the same mode
    engine = create_engine(url, connect_args={"timeout": LOCK_WAIT}, hide_parameters=True, **POOL)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin on its own, too late
    _enable_wal(connection)  # readers and the writer do not wait for each other
    connection.execute("PRAGMA foreign_keys = ON")


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Have the file in WAL mode. SQLite does not wait for a lock when it changes the mode, so that is done here."""
    deadline = monotonic() + LOCK_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock first: a transaction that reads and then writes would fail instead of waiting."""
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": LOCK_WAIT},
        hide_parameters=True,
        **POOL,
        pool_pre_ping=True,  # a server that was restarted costs no request
    )
    event.listen(engine, "connect", _prepare_postgresql)
    event.listen(engine, "handle_error", _hide_failing_row)
    ping_seldom(engine)
    return engine


def _prepare_postgresql(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{LOCK_WAIT}s'")
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{LOCK_WAIT}s'")
    cursor.close()
    connection.commit()


def _hide_failing_row(context: ExceptionContext) -> None:
    """Keep the first line of PostgreSQL's message: its detail shows the failing row, and with it a session's token."""
    cause, ours = context.original_exception, context.sqlalchemy_exception
    if isinstance(cause, psycopg.Error) and ours and (first_line := cause.diag.message_primary):
        cause.args = ours.args = (first_line,)
