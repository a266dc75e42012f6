"""Messages to the users of sessions, which their open pages show: set one, withdraw one."""

from datetime import timedelta

from blocks.outside import now, outside
from pool.errors import BadRequest
from pool.moments import check_minutes
from pool.open_pages.messages import MOST_MINUTES, Level, Scope, SessionMessage, check_words
from tasks.base import look_up, pool_task


@look_up()
def addressees(session: str, host: str, every_session: bool) -> tuple[Scope, str]:
    """Return whom a message is for.

    Raises:
        BadRequest: not one of the three is named, or more than one is.
        NotFound: there is no such session, or no such host.
    """
    named = [bool(session), bool(host), every_session]
    if sum(named) != 1:
        raise BadRequest("name a session, or a host, or say that it is for all sessions: one of the three")
    if session:
        return Scope.SESSION, outside().store.instances.get(session).id
    return (Scope.HOST, outside().store.hosts.get(host).name) if host else (Scope.ALL, "")


@pool_task(publishes=False, task_run_name="set the message to the users of {scope} {subject}")
def set_message(scope: Scope, subject: str, words: str, level: Level, minutes: int) -> None:
    """Record a message for so many minutes, in place of the one before; without words, withdraw that one.

    Raises:
        BadRequest: it is too long, no line of text, or for no minutes or more than a day.
    """
    check_words(words)
    check_minutes(minutes, most=MOST_MINUTES)
    if not words.strip():
        outside().store.messages.withdraw(scope, subject)
        return
    at = now()
    message = SessionMessage(scope, subject, words.strip(), level, at, at + timedelta(minutes=minutes))
    outside().store.messages.put(message)
