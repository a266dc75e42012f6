"""Whether a kept connection to PostgreSQL is still there: asked now and then, and in between seen by its socket."""

import select
from collections.abc import Callable
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

#: Seconds for which a connection that answered is taken to be there, unless its socket says that it is not.
KNOWN_SECONDS = 5.0


def ping_seldom(engine: Engine, clock: Callable[[], float] = monotonic) -> None:
    """Have a connection of the engine that answered lately be used without asking first whether it is there.

    A start uses one thirty times, for a statement or a few, and asked each time: a twelfth of what it cost the worker.
    A server that ends, or ends a connection, closes its socket, which is seen without asking. Where that message was
    lost, a call of the store's meets the broken connection and is made again (`outage`).
    """
    known = WeakKeyDictionary[Any, float]()
    ask = engine.dialect.do_ping

    def do_ping(connection: Any) -> bool:
        if clock() < known.get(connection, 0.0) and is_open_and_quiet(connection):
            return True
        asked_at = clock()
        answers = ask(connection)
        known[connection] = asked_at + KNOWN_SECONDS
        return answers

    setattr(engine.dialect, "do_ping", do_ping)  # noqa: B010 - of this engine's own dialect, which only its pool asks


def is_open_and_quiet(connection: Any) -> bool:
    """Whether a connection that is in no transaction is open, and its server has sent nothing: neither news nor an end.

    Args:
        connection: of psycopg.
    """
    if connection.closed:
        return False
    sockets = select.poll()
    sockets.register(connection.fileno(), select.POLLIN | select.POLLPRI)
    return not sockets.poll(0)
