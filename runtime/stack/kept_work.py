"""Before the stack is stopped: end the sessions that keep their work by runs that back it up."""

import time
from typing import TYPE_CHECKING

from pool.backups.rules import has_work
from pool.records import Instance
from pool.states import InstanceState
from runtime.stack.local_engine import Say

if TYPE_CHECKING:
    from blocks.prefect_api import PrefectApi
    from pool.store.pool_store import PoolStore

#: As long as a home of some gigabytes takes for the first time; a later backup of it takes seconds.
WAIT_SECONDS = 600
BETWEEN_SECONDS = 1.0


def end_with_backups(
    store: "PoolStore", api: "PrefectApi", say: Say, seconds: float = WAIT_SECONDS, between: float = BETWEEN_SECONDS
) -> list[str]:
    """End the sessions that keep their work, and wait until each has ended.

    Args:
        store: the pool's records.
        api: of the stack's Prefect server, whose workers back up.
        say: told how many there are.
        seconds: that they are waited for.
        between: seconds between two looks.

    Returns:
        One sentence for each session whose work the stack's end takes with it.
    """
    if not (kept := _with_work(store)):
        return []
    if not api.healthy():
        return [_lost(one, "Prefect's server does not answer") for one in kept]
    say(f"backs up the work of {len(kept)} sessions, for {seconds / 60:.0f} minutes at most")
    for one in kept:
        api.trigger("deprovision-instance/with-backup", instance_id=one.id)
    deadline = time.monotonic() + seconds
    while (left := _with_work(store)) and time.monotonic() < deadline:
        time.sleep(between)
    return [_lost(one, f"it took more than {seconds:.0f} s") for one in left]


def _with_work(store: "PoolStore") -> list[Instance]:
    return [one for one in store.instances.all(states=[InstanceState.RUNNING, InstanceState.STOPPING]) if has_work(one)]


def _lost(instance: Instance, why: str) -> str:
    return f"the work of session {instance.id} since its last backup was not backed up: {why}"
