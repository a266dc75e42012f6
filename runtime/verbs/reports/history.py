"""`dockerdriver why` and `sessions`: what happened, living and over; both also while the stack is stopped."""

from datetime import UTC, datetime

from blocks.settings import ProcessSettings
from pool.errors import NotFound
from pool.moments import read_since
from pool.reports.tables import history_rows, session_rows
from runtime.databases.records import records
from runtime.verbs.output import show

SESSIONS = {
    "session": "Session",
    "user": "User",
    "state": "State",
    "blueprint": "Blueprint",
    "host": "Host",
    "asked": "Asked",
    "ended": "Ended",
    "why": "Why",
}


def show_history(settings: ProcessSettings, noun: str, name: str, as_json: bool = False) -> None:
    """Print what happened to a host, a session or a user's latest sessions, oldest first, with the reasons.

    Raises:
        NotFound: there never was one of this name.
        DockerDriverError: the pool's database does not answer.
    """
    with records(settings) as store:
        history = store and store.history
        tell = history and {"host": history.of_host, "session": history.of_instance, "user": history.of_user}[noun]
        lines = tell(name) if tell else []
    if not lines:
        raise NotFound(f"no {noun} was ever named {name!r}")
    show(history_rows(lines), {"at": "When", "what": "What", "why": "Why"}, "", as_json)


def show_sessions(
    settings: ProcessSettings,
    user: str | None = None,
    since: str | None = None,
    failed: bool = False,
    as_json: bool = False,
) -> None:
    """Print sessions, living and over, the newest request first.

    Args:
        settings: of this installation.
        user: whose; None: of all.
        since: only those that lived then or later, as :func:`read_since` reads it; None: whenever.
        failed: only those that ended as failed.
        as_json: for a program.

    Raises:
        BadRequest: *since* is no moment.
        DockerDriverError: the pool's database does not answer.
    """
    begin = read_since(since, datetime.now(UTC)) if since else None
    with records(settings) as store:
        found = store.instances.found(user, begin, failed) if store else []
    show(session_rows(found), SESSIONS, "no session is on record that fits", as_json)
