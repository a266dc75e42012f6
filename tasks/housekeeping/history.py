"""Verb for "why?": the life of a host or a session, with the reasons."""

from blocks.database import pool_store
from pool.changes import LifeLine
from pool.errors import NotFound
from tasks.base import verb


@verb(task_run_name="explain {name}")
async def explain(name: str) -> list[LifeLine]:
    """All that happened to the host or session of this name, oldest first.

    Raises:
        NotFound: no host and no session has this name.
    """
    store = pool_store()
    lines = store.history.of_host(name) or store.history.of_instance(name)
    if not lines:
        raise NotFound(f"no host and no session is named {name!r}")
    return lines
