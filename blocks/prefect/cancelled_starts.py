"""Sessions whose start was cancelled and whose run could not end them: it was killed, or the database was away."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from pool.errors import RefusedMove
from pool.sessions.requests import ends_with_run
from pool.states import EndCause, InstanceState
from pool.store.pool_store import PoolStore

FLOW, REASON = "provision-instance", "cancelled"


def end_start(
    store: PoolStore, parameters: Mapping[str, Any], run: str, asked_at: datetime, now: datetime
) -> InstanceState | None:
    """Have no run start the session any more, and a tick remove what the cancelled one had begun.

    Repeating it is harmless. It is called before the run's leases are given back: they tell what it was at.

    Args:
        store: the pool's database.
        parameters: of the cancelled run of provision-instance.
        run: it, as it holds leases.
        asked_at: when it was asked for.
        now: the time.

    Returns:
        The state that the session was moved to; None: it was left as it is.
    """
    instance_id = parameters.get("instance_id")
    instance = store.instances.find(instance_id) if isinstance(instance_id, str) else None
    if instance is None:
        return None
    name = f"starting of {instance.id}"
    if not ends_with_run(instance, run, asked_at, store.leases.holders([name], now).get(name)):
        return None
    to = InstanceState.FAILED if instance.state is InstanceState.QUEUED else InstanceState.STOPPING
    with suppress(RefusedMove):  # another run was faster
        store.instances.move(instance.id, to, now, REASON, only_from=instance.state, cause=EndCause.NOT_STARTED)
        return to
    return None
