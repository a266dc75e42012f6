"""Tasks for "why?": the history of a host or a session, with the reasons."""

from collections.abc import Sequence

from blocks.outside import outside
from pool.changes import HistoryEntry
from pool.errors import NotFound
from tasks.base import look_up


@look_up()
def read_history(name: str) -> list[HistoryEntry]:
    """Read all that happened to the host or session of this name, oldest first.

    Raises:
        NotFound: no host and no session has this name.
    """
    history = outside().store.history
    lines = history.of_host(name) or history.of_instance(name)
    if not lines:
        raise NotFound(f"no host and no session is named {name!r}")
    return lines


@look_up()
def show_history(name: str, rows: Sequence[dict]) -> None:
    """Leave the history as a table: the artifact ``why-<name>``."""
    outside().prefect.write_table(rows, key=f"why-{name}", description=f"What happened to {name}, and why")
