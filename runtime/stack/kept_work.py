"""Before the stack is stopped: end the sessions that keep their work by runs that back it up."""

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from pool.backups.rules import has_work
from pool.backups.states import BackupCause
from pool.errors import DockerDriverError
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
    """End the sessions that keep their work, also those that begin to run meanwhile, and wait until each has ended.

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
    deadline, this_end, refused = time.monotonic() + seconds, uuid4().hex, dict[str, str]()
    asked: set[str] = set()
    while (left := _with_work(store)) and time.monotonic() < deadline:
        for one in left:
            if one.id not in asked and time.monotonic() < deadline:
                refused[one.id] = _ask_to_end(api, one, f"{this_end}-{one.id}")
                asked |= set() if refused[one.id] else {one.id}
        time.sleep(between)
    return [_lost(one, refused.get(one.id) or f"it took more than {seconds:.0f} s") for one in left]


def _ask_to_end(api: "PrefectApi", instance: Instance, key: str) -> str:
    """Ask for its end; why that could not be done, so that it is asked again: empty, it was."""
    try:
        api.trigger("deprovision-instance/with-backup", key=key, instance_id=instance.id)
    except DockerDriverError as error:
        return str(error)
    return ""


def _with_work(store: "PoolStore") -> list[Instance]:
    """Sessions whose work is not safe yet; one that ends already may have been backed up, and keep its container."""
    there = store.instances.all(states=[InstanceState.RUNNING, InstanceState.MOVING, InstanceState.STOPPING])
    kept = [one for one in there if has_work(one)]
    return [one for one in kept if one.state is InstanceState.RUNNING or not _is_safe(store, one)]


def _is_safe(store: "PoolStore", instance: Instance) -> bool:
    backups = store.backups.of_instance(instance.id)
    mine = [one for one in backups if one.begun_at >= instance.created_at]
    return any(one.counts and one.cause is BackupCause.SESSION_ENDS for one in mine)


def _lost(instance: Instance, why: str) -> str:
    return f"the work of session {instance.id} since its last backup was not backed up: {why}"
