"""When a session is backed up, and how long its end waits for that."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pool.backups.backup import Backup
from pool.backups.choosing import in_order
from pool.backups.states import FINAL_FAULTS, PROGRAM_ENDS, BackupCause, BackupFault, BackupState
from pool.errors import Refused
from pool.moments import after
from pool.records import Instance
from pool.states import InstanceState

MOST_DOWNLOAD_MINUTES = 720  # that a link to a backup is good
RETRY_SECONDS = 300  # until a scheduled backup that failed is tried again
END_PAUSE = 30  # seconds after the first try to back up a session that ends; twice as many after each further one
#: Leases of the runs that may back up a session that ends in a warm worker: others start sessions there meanwhile.
WARM_PLACES = tuple(f"place {number} for backups in warm workers" for number in range(1, 9))
LONGEST_SECONDS = 3600  # in a state; one that is still being written then has lost its run


def backup_lease(instance_id: str) -> str:
    """Name the lease that a run holds while it backs up a session."""
    return f"backup of {instance_id}"


def files_key(backup_id: str) -> str:
    """Name the artifact that lists the files of a backup."""
    return _artifact_key("files-of", backup_id)


def download_key(backup_id: str) -> str:
    """Name the artifact that holds the link to a backup."""
    return _artifact_key("download", backup_id)


def _artifact_key(what: str, backup_id: str) -> str:
    """Prefect takes no dot in a key."""
    return f"{what}-{backup_id.replace('.', '-')}"


def restore_folder(backup: Backup, moment: datetime) -> str:
    """Name the folder that gets what a run restores: by the backup's moment and its own, so that no two runs share it.

    Args:
        backup: that is restored.
        moment: at which the run was asked for, the same when it is run again.
    """
    return f"restored-{backup.begun_at:%Y-%m-%d-%H%M}-on-{moment:%Y-%m-%d-%H%M%S}"


def has_work(instance: Instance) -> bool:
    """Whether the session may have something that is to be kept: it ran, and its container may still be there.

    One that takes a backup to another host has nothing that is not in it.
    """
    ran = instance.expires_at is not None and instance.host is not None
    return bool(instance.keep.paths) and ran and not instance.carried


def check_can_be_backed_up(instance: Instance) -> None:
    """Refuse to back up a session that does not run, or that keeps nothing.

    Raises:
        Refused: it does not run, or its blueprint named nothing to keep when it was asked for.
    """
    _check_runs(instance, "only a session that runs can be backed up")


def check_can_get_files(instance: Instance) -> None:
    """Refuse to bring files of a backup into a session that does not run, or that keeps nothing.

    Raises:
        Refused: it does not run, or its blueprint named no folder that they could be brought into.
    """
    _check_runs(instance, "files can only be brought back into a session that runs")


def _check_runs(instance: Instance, rule: str) -> None:
    if instance.state is not InstanceState.RUNNING:
        raise Refused(f"instance {instance.id} is {instance.state}: {rule}")
    if not has_work(instance):
        raise Refused(
            f"instance {instance.id} keeps nothing: name folders in the field keep of blueprint {instance.blueprint};"
            " that counts for sessions that are asked for from then on"
        )


def told_of_hook(command: Sequence[str], code: int | None, seconds: int) -> str:
    """Say how the command before a backup failed; empty: it did not. The backup is made all the same.

    Args:
        command: one word each; the first is told, the others may hold a secret.
        code: that it ended with; None: it was not over.
        seconds: that it might take.
    """
    if code == 0:
        return ""
    ended = f"was not over after {seconds} s" if code is None else f"ended with exit code {code}"
    return f"but {command[0]}, the command before it, {ended}"


def may_end_without(instance: Instance, fault: BackupFault, wait: int, now: datetime) -> bool:
    """Whether a session that is being ended is ended though its backup failed.

    Args:
        instance: as it was when the backup was tried.
        fault: why it failed.
        wait: seconds that the pool lets an end wait.
        now: the moment of asking.
    """
    return fault in FINAL_FAULTS or now >= wait_ends_at(instance, wait)


def wait_ends_at(instance: Instance, wait: int) -> datetime:
    """When a session that is being ended is ended with or without its backup."""
    return after(instance.state_since, wait)


def end_saves(instance: Instance, backups: Iterable[Backup], wait: int, now: datetime) -> bool:
    """Whether a session that is being ended may still be backed up: else its end only waits for its container to go.

    Args:
        instance: the session, stopping.
        backups: its own, in any state.
        wait: seconds that the pool lets an end wait.
        now: the moment of asking.
    """
    last = next((one for one in in_order(backups) if one.cause is BackupCause.SESSION_ENDS), None)
    return not (last and last.counts and last.begun_at >= instance.created_at) and now < wait_ends_at(instance, wait)


def needs_backups(instance: Instance) -> bool:
    """Whether housekeeping looks at the backups of a session: it has a schedule, or ends or moves with work to keep."""
    leaves = instance.state in (InstanceState.STOPPING, InstanceState.MOVING)
    return bool(instance.keep.every or (instance.keep.paths and leaves))


def end_pauses(instance: Instance, backups: Iterable[Backup], wait: int, now: datetime) -> bool:
    """Whether the end of a session, or its move, is not gone on with yet, since its backup failed a moment ago.

    Args:
        instance: the session, stopping or moving.
        backups: its own, in any state.
        wait: seconds that the pool lets an end wait.
        now: the moment of asking.
    """
    ending = [one for one in backups if one.cause in PROGRAM_ENDS and one.state is BackupState.FAILED]
    if not ending:
        return False
    last = max(ending, key=lambda one: one.state_since)
    pause = min(END_PAUSE << min(last.attempts - 1, 9), RETRY_SECONDS)
    return now < min(after(last.state_since, pause), wait_ends_at(instance, wait))


def is_due(instance: Instance, backups: Iterable[Backup], now: datetime) -> bool:
    """Whether it is time to back up a session that runs, by what its blueprint says.

    Args:
        instance: the session.
        backups: its own, in any state.
        now: the moment of asking.
    """
    if instance.state is not InstanceState.RUNNING or not instance.keep.every or not has_work(instance):
        return False
    mine = list(backups)
    return made_long_ago(instance, mine, now) and all(now >= _next_try(one) for one in mine)


def made_long_ago(instance: Instance, backups: Iterable[Backup], now: datetime) -> bool:
    """Whether the newest backup of a session that counts is older than its blueprint has them made.

    Args:
        instance: the session, which runs.
        backups: its own, in any state.
        now: the moment of asking.
    """
    made = max((one.begun_at for one in backups if one.counts), default=instance.state_since)
    return now >= after(made, instance.keep.every)


def asking(instance: Instance, last: Backup | None, now: datetime) -> str:
    """Name the asking for a scheduled backup: the same while the same backup is asked for, so that one run makes it.

    A run that never began it was lost: in the next slot of time the asking is another one.

    Args:
        instance: the session.
        last: its newest backup, in any state; None: it has none.
        now: the moment of asking.
    """
    after_which = f"{last.id}-{last.attempts}" if last else "none"
    slot = int(now.timestamp()) // max(instance.keep.every, RETRY_SECONDS)
    return f"backup-{instance.id}-after-{after_which}-in-{slot}"


def _next_try(backup: Backup) -> datetime:
    """When another backup may be begun, as far as it is for this one."""
    pauses = dict.fromkeys((BackupState.WRITING, BackupState.WRITTEN), LONGEST_SECONDS)
    pauses |= {BackupState.FAILED: RETRY_SECONDS}
    return after(backup.state_since, pauses.get(backup.state, 0))


def waits_for_work(instance: Instance, fault: BackupFault, wait: int, now: datetime) -> bool:
    """Whether a session waits for its work to be readable again: one from another host, which has ended there.

    Args:
        instance: the session, starting.
        fault: why its work could not be read.
        wait: seconds that the pool lets an end wait for its backup; such a start may take as long.
        now: the moment of asking.
    """
    return bool(instance.carried) and fault is BackupFault.REPOSITORY and now < wait_ends_at(instance, wait)
