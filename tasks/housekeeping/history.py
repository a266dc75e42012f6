"""Tasks for "why?": the history of a host, a session or a user's sessions, with the reasons."""

from collections.abc import Sequence

from blocks.outside import outside
from pool.changes import HistoryEntry
from pool.errors import NotFound
from tasks.base import look_up


@look_up()
def read_history(name: str) -> list[HistoryEntry]:
    """Read all that happened to the host, the session or the user's sessions of this name, oldest first.

    Raises:
        NotFound: no host, session or user has this name.
    """
    history = outside().store.history
    lines = history.of_host(name) or history.of_instance(name) or history.of_user(name)
    if not lines:
        raise NotFound(f"no host, session or user is named {name!r}")
    return lines


@look_up()
def show_history(name: str, rows: Sequence[dict]) -> None:
    """Leave the history as a table: the artifact ``why-<name>``."""
    outside().prefect.write_table(rows, key=f"why-{name}", description=f"What happened to {name}, and why")
