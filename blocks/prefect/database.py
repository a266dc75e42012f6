"""How Prefect's server begins its transactions when SQLite is behind it."""

from contextvars import ContextVar
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

#: The connection whose transaction this task, or the one that started it, has open.
_holder: ContextVar[Connection | None] = ContextVar("holder", default=None)


def begin_immediately() -> None:
    """Have every transaction of this process's Prefect server take SQLite's write lock when it begins.

    Prefect begins with a read and takes the lock at its first write. When another transaction has written in between,
    SQLite refuses at once, whatever the timeout: callers see 503, and twenty requests at once could stop the server
    for a minute (a cursor that such a refusal left behind is collected on the event loop, and waits there for the lock
    of a connection that itself waits for the event loop). Taken at the beginning, the lock is waited for instead.

    A transaction inside another one of the same task is left as Prefect begins it: it would wait for itself.
    """
    event.listen(Engine, "before_cursor_execute", _take_the_lock, retval=True)
    event.listen(Engine, "commit", _let_go)
    event.listen(Engine, "rollback", _let_go)


def _take_the_lock(
    connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    if statement == "BEGIN DEFERRED" and _holder.get() is None:
        statement = "BEGIN IMMEDIATE"
    if statement == "BEGIN IMMEDIATE":
        _holder.set(connection)
    return statement, parameters


def _let_go(connection: Connection) -> None:
    if _holder.get() is connection:
        _holder.set(None)
