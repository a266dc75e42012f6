"""Before the stack is stopped: end the sessions that keep their work by runs that back it up."""

import time
from typing import TYPE_CHECKING
from uuid import uuid4

from pool.backups.backup import Backup
from pool.backups.choosing import own_backups
from pool.backups.rules import has_work
from pool.backups.states import BackupCause, BackupState
from pool.errors import DockerDriverError, Refused
from pool.printable import how_many
from pool.records import Instance
from pool.states import InstanceState
from runtime.stack.local_engine import Say

if TYPE_CHECKING:
    from blocks.prefect.api import PrefectApi
    from pool.store.pool_store import PoolStore

#: As long as a home of some gigabytes takes for the first time; a later backup of it takes seconds.
WAIT_SECONDS = 600
BETWEEN_SECONDS = 1.0
#: Failures of one session's backup after which it is waited for no longer. The second try is housekeeping's, half a
#: minute after the first: a store that was away for a moment is there again, a wrong key is as wrong as it was.
TRIES = 2


def end_with_backups(
    store: "PoolStore", api: "PrefectApi", say: Say, seconds: float = WAIT_SECONDS, between: float = BETWEEN_SECONDS
) -> list[str]:
    """End the sessions that keep their work, also those that begin to run meanwhile, and wait until each has ended.

    One whose backup fails twice meanwhile is waited for no longer.

    Args:
        store: the pool's records.
        api: of the stack's Prefect server, whose workers back up.
        say: told how many there are.
        seconds: that they are waited for.
        between: seconds between two looks.

    Returns:
        One sentence for each session whose work the stack's end would take with it, with the reason.
    """
    if not (kept := _with_work(store)):
        return []
    if not api.healthy():
        return [_lost(one, "Prefect's server does not answer") for one in kept]
    say(f"backs up the work of {how_many(len(kept), 'session')}, for {seconds / 60:.0f} minutes at most")
    deadline, this_end, refused = time.monotonic() + seconds, uuid4().hex, dict[str, str]()
    asked: set[str] = set()
    failed_before = {one.id: _failures(_of_its_end(store, one)) for one in kept}
    while (left := _to_wait_for(store, failed_before)) and time.monotonic() < deadline:
        for one in left:
            if one.id not in asked and time.monotonic() < deadline:
                refused[one.id] = _ask_to_end(api, one, f"{this_end}-{one.id}")
                asked |= set() if refused[one.id] else {one.id}
        time.sleep(between)
    too_long = f"it took more than {seconds:.0f} s"
    return [_lost(one, refused.get(one.id) or _fault(_of_its_end(store, one)) or too_long) for one in _with_work(store)]


def refuse_to_lose(lost: list[str]) -> None:
    """Refuse to go on where that would take the work of sessions along.

    Args:
        lost: one sentence for each such session.

    Raises:
        Refused: there is one; the message names each, and what can be done.
    """
    if lost:
        raise Refused(
            f"nothing is taken down but the sessions that are backed up: {'; '.join(lost)}. What these wrote is still"
            " in their containers. Mend what keeps it from being backed up, within DD_BACKUP_WAIT of their end, and run"
            " `make down` again; where Prefect's server does not answer, `make up` first."
            " `make down LOSE_WORK=yes` goes on without it"
        )


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


def _to_wait_for(store: "PoolStore", failed_before: dict[str, int]) -> list[Instance]:
    """Those whose work is not safe yet, without those whose backup has failed too often since this began."""

    def hopeful(one: Instance) -> bool:
        return _failures(_of_its_end(store, one)) - failed_before.get(one.id, 0) < TRIES

    return [one for one in _with_work(store) if hopeful(one)]


def _is_safe(store: "PoolStore", instance: Instance) -> bool:
    return any(one.counts for one in _of_its_end(store, instance))


def _of_its_end(store: "PoolStore", instance: Instance) -> list[Backup]:
    """Return the backups that its end has had made, newest first; an earlier session may have had its name."""
    backups = own_backups(instance, store.backups.of_instance(instance.id))
    return [one for one in backups if one.cause is BackupCause.SESSION_ENDS]


def _failures(backups: list[Backup]) -> int:
    return sum(one.attempts - (one.state is not BackupState.FAILED) for one in backups)


def _fault(backups: list[Backup]) -> str:
    return next((one.reason for one in backups if one.state is BackupState.FAILED), "")


def _lost(instance: Instance, why: str) -> str:
    return f"the work of session {instance.id} since its last backup was not backed up: {why}"
