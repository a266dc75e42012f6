"""Operators' messages to the users of sessions: a row for all, for a host or for a session, until it expires."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from pool.open_pages.messages import Level, Scope, SessionMessage
from pool.store.engine import Part, delete_any, insert_unless_there
from pool.store.schema import messages


class MessageStore(Part):
    """Put, withdraw and list messages; delete those that have expired."""

    def put(self, message: SessionMessage) -> None:
        """Record a message, in place of the one of its scope and subject."""
        values = {name: getattr(message, name) for name in ("words", "level", "said_at", "until")}
        key = {"scope": message.scope, "subject": message.subject}
        with self._db.writing() as connection:
            insert = insert_unless_there(connection, messages, "scope", "subject").values(**key, **values)
            if connection.scalar(insert.returning(messages.c.scope)) is None:
                which = (messages.c.scope == message.scope) & (messages.c.subject == message.subject)
                connection.execute(messages.update().where(which).values(**values))

    def withdraw(self, scope: Scope, subject: str) -> None:
        """Delete the message of a scope and subject; absent is success."""
        with self._db.writing() as connection:
            which = (messages.c.scope == scope) & (messages.c.subject == subject)
            connection.execute(delete(messages).where(which))

    def current(self, now: datetime) -> list[SessionMessage]:
        """List the messages that have not expired."""
        with self._db.reading() as connection:
            return [_as_message(row) for row in connection.execute(select(messages).where(messages.c.until > now))]

    def delete_expired(self, now: datetime) -> int:
        """Delete the messages that have expired; return how many there were."""
        return delete_any(self._db, messages, messages.c.until <= now)


def _as_message(row: Row[Any]) -> SessionMessage:
    return SessionMessage(Scope(row.scope), row.subject, row.words, Level(row.level), row.said_at, row.until)
