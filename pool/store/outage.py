"""The store's border: a call that finds the database away waits for it, here and nowhere above.

Every public method of a part of the store is one call. One that meets a lost or refused connection is made again from
its beginning, until the database answers or the wait limit is over. What makes that right for writes:

- A method writes in one transaction, the last one that it makes. Whatever ends it before COMMIT was sent undid it.
- The connection may break between COMMIT and its answer. PostgreSQL then keeps what became of the transaction under its
  number, which is asked for before COMMIT: committed, and the call ends as if the answer had come, with the values that
  it read; not committed, and only then it is made again. So no write is made twice: no room is taken twice, no change
  is written down twice, a claim is not lost, and the run that made a session is told so.
- A password that is refused from the start on is an operator's to mend, and said at once. One that was taken before was
  changed: this process will be started again with the new one, and what it is about is waiting until then.
- SQLite answers COMMIT in the process itself: what raised an error was not committed.
"""

import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DataError, DBAPIError, OperationalError

from pool.errors import DatabaseAway

#: Seconds that a call waits for a database that is away: for a minute, and for its start.
WAIT_SECONDS = 90.0
#: Seconds until a call is made again: the first time, and at the most.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
#: Errors of PostgreSQL's that pass: a connection that ends, a server that starts or stops or has no connection left, a
#: lock that was waited for too long, a deadlock that this transaction lost.
_PASSING_STATES = ("08", "57P01", "57P02", "57P03", "53300", "25P03", "55P03", "40P01", "40001")
#: A connection that is refused has no code, only words; with these, waiting does not help.
_LOCKED_OUT = "authentication failed"
_HOPELESS = (_LOCKED_OUT, "does not exist", "no pg_hba.conf entry", "permission denied")
#: SQLite: busy, locked, its file cannot be opened, the locks of WAL mode are not to be had.
_PASSING_CODES = frozenset({5, 6, 14, 15})

_logger = logging.getLogger("dockerdriver.store")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Patience:
    """How long a call waits for its database, and by which clock."""

    seconds: float = WAIT_SECONDS
    uptime: Callable[[], float] = monotonic
    sleep: Callable[[float], None] = sleep


class Outage:
    """Makes calls again while the database is away.

    Args:
        url: of the database, for messages; its password is in none of them.
        patience: how long.
    """

    def __init__(self, url: URL, patience: Patience) -> None:
        self._name = _named(url)
        self._patience = patience
        self._let_in = False  # by this process's password, at least once

    def outlast(self, call: Callable[[], R]) -> R:
        """Make the call until it meets no error that passes.

        Raises:
            DatabaseAway: it met one as long as the wait limit; the message names the database.
        """
        end = self._patience.uptime() + self._patience.seconds
        error: DBAPIError | None = None
        for pause in _pauses():
            try:
                answer = call()
            except DBAPIError as raised:
                if not (passes(raised) or (self._let_in and _LOCKED_OUT in str(raised.orig))):
                    raise
                error = raised
            else:
                self._let_in = True
                return answer
            if self._patience.uptime() + pause > end:
                break
            _logger.warning("waiting for %s: %s", self._name, _first_line(error))
            self._patience.sleep(pause)
        raise DatabaseAway(
            f"{self._name} did not answer in {self._patience.seconds:.0f} s: start it, or correct DD_DATABASE_URL"
            f" ({_first_line(error)})"
        ) from error

    def settle(self, number: int, status: Callable[[int], str | None], error: DBAPIError) -> None:
        """Find out what became of a transaction whose COMMIT got no answer; return when it was committed.

        Args:
            number: of the transaction.
            status: asks the database what became of it.
            error: what came in place of the answer.

        Raises:
            DBAPIError: the same error; nothing was committed, so that the call may be made again.
            DatabaseAway: the database cannot say, or is still at it when the wait limit is over.
        """
        end = self._patience.uptime() + self._patience.seconds
        for pause in _pauses():
            known = self.outlast(lambda: status(number))
            if known == "committed":
                return
            if known == "aborted":
                raise error
            if known is None or self._patience.uptime() + pause > end:
                break
            self._patience.sleep(pause)
        raise DatabaseAway(
            f"{self._name} was lost while it committed, and does not say whether it did ({known or 'forgotten'}):"
            " look at what is recorded before you ask again"
        ) from error


def outlasting(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Make a method of a part of the store one call, which waits for a database that is away."""

    @wraps(method)
    def call(part: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = part.outage.outlast(lambda: method(part, *args, **kwargs))
        return answer

    return call


def passes(error: DBAPIError) -> bool:
    """Whether the database was away, or busy for too long, and nothing else is wrong."""
    cause = error.orig
    if not hasattr(cause, "sqlstate"):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES
    state: str = getattr(cause, "sqlstate", None) or ""
    if error.connection_invalidated or state:
        return error.connection_invalidated or state.startswith(_PASSING_STATES)
    return isinstance(error, OperationalError) and not any(words in str(cause) for words in _HOPELESS)


def number_of(connection: Connection) -> int | None:
    """Return the number of the transaction under way; None when it wrote nothing, or SQLite answers by itself."""
    if connection.dialect.name == "sqlite":
        return None
    number: int | None = connection.scalar(text("SELECT txid_current_if_assigned()"))
    return number


def status_of(connection: Connection, number: int) -> str | None:
    """Ask PostgreSQL what became of a transaction: committed, aborted, in progress; None: it does not know.

    That is so long after, and where a standby took over that had not heard of it.
    """
    try:
        status: str | None = connection.scalar(text("SELECT txid_status(:number)"), {"number": number})
    except DataError:
        return None
    return status


def _pauses() -> Iterator[float]:
    """Longer and longer, and uneven: all that wait would otherwise come back at the same moment."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause = min(pause * 2, LONGEST_PAUSE)


def _named(url: URL) -> str:
    host = url.host or url.query.get("host", "")
    where = f" at {host}" + (f":{url.port}" if url.port else "") if host else ""
    return f"the pool's database {url.database} ({url.get_backend_name()}{where})"


def _first_line(error: DBAPIError | None) -> str:
    return str(error.orig).strip().partition("\n")[0] if error else ""
