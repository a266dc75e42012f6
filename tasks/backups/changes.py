"""Tasks of a backup of what changed: what a session has is compared with what is noted in its container."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.backups import noting
from blocks.backups.changes_tar import changes_tar
from blocks.backups.work_tar import Counted
from blocks.engine.client import HostEngine
from blocks.outside import log, now, outside
from pool.backups.backup import Backup
from pool.backups.changes import Changes, Noted, base_of, chain_of, changes_since, is_large, is_worth_it, will_be_large
from pool.backups.choosing import own_backups
from pool.backups.inventory import Inventory, settled
from pool.backups.reading_back import all_was_read
from pool.backups.states import BackupState
from pool.errors import DockerDriverError, NotFound
from pool.records import Instance
from tasks.base import look_up, pool_task


@dataclass(frozen=True)
class WorkRead:
    """What was seen of the files of a session while they went by."""

    links: int  # hard links among them
    begun: float | None  # when the manager was up for so many seconds; None: the container never ran since they came


@dataclass(frozen=True)
class Listed:
    """What a session had at one moment."""

    inventory: Inventory
    at: datetime  # by the clock of its host
    uptime: float  # when the manager was up for so many seconds


@dataclass(frozen=True)
class FoundChanges:
    """What changed in a session, and since which backup."""

    base: Backup
    changes: Changes


@look_up()
def find_changes(instance: Instance) -> FoundChanges | None:
    """Tell what changed since the backup that the container's note names.

    None where that is not known, or is no less work to read than all of it: then all is read.
    """
    candidates = _its_own(instance)
    if not any(map(is_large, candidates)):
        return None
    try:
        return _found(instance, candidates)
    except Exception as trouble:  # noqa: BLE001 - whatever it is, a backup of all files is the way out
        _warn(trouble, "all of instance %s is backed up, as what changed was not found out: %s", instance)
        return None


def _found(instance: Instance, candidates: list[Backup]) -> FoundChanges | None:
    engine = _engine_of(instance)
    noted = noting.unpacked(engine.read_files(instance.container, noting.PATH))
    base = noted and base_of(noted, candidates, now())
    if not noted or not base or not _keeps_the_same(base, instance):
        return None
    for snapshot in {one.snapshot for one in chain_of(base, candidates)}:
        outside().backups.check_there(snapshot)
    listed = engine.list_files(instance.container, instance.keep)
    changes = changes_since(noted.inventory, listed[0]) if listed else None
    if not changes or not is_worth_it(changes, noted.links, base, instance.keep.limit_mb):
        return None
    return FoundChanges(base, changes)


@pool_task(task_run_name="write what changed as backup {backup.id}")
def write_changes(backup: Backup, instance: Instance, found: FoundChanges) -> Backup | None:
    """Back up what changed; where nothing did, no more than that is written down. It does not count yet.

    None where that meets trouble: all is read then.
    """
    try:
        outside().store.backups.stand_on(backup.id, found.base.id)
        facts = _written(backup, instance, found.base, found.changes)
    except Exception as trouble:  # noqa: BLE001 - as above
        _warn(trouble, "all of instance %s is backed up, as what changed could not be: %s", instance)
        return None
    return outside().store.backups.move(backup.id, BackupState.WRITTEN, now(), base=found.base.id, **facts)


def _written(backup: Backup, instance: Instance, base: Backup, changes: Changes) -> dict[str, Any]:
    if changes.nothing:
        return {"size": base.size, "files": base.files, "digest": base.digest, "snapshot": base.snapshot}
    engine = _engine_of(instance)
    tar = changes_tar(lambda path: engine.read_files(instance.container, path), instance.keep, changes, Counted())
    written = outside().backups.write(backup.id, tar)
    about = {"size": max(0, base.size + changes.grown), "files": max(0, base.files + changes.more_files)}
    return about | {"digest": written.digest, "snapshot": written.snapshot}


def _its_own(instance: Instance) -> list[Backup]:
    """The backups that the session might be given; of no particular user its own alone."""
    backups = outside().store.backups
    if not instance.user:
        return own_backups(instance, backups.of_instance(instance.id))
    return backups.of_user(instance.pool, instance.blueprint, instance.user)


def _keeps_the_same(base: Backup, instance: Instance) -> bool:
    """Whether what is kept is what was kept then."""
    try:
        then = outside().store.instances.get(base.instance)
    except NotFound:
        return False
    same = (then.keep.paths, then.keep.without) == (instance.keep.paths, instance.keep.without)
    return same and base.begun_at >= then.created_at


@look_up()
def list_work(instance: Instance, backup: Backup) -> Listed | None:
    """List what a session that goes on has, beside the reading back of its backup: either leaves a core to the other.

    None where the backup is small; or where that is trouble: the next one is of all files then.
    """
    return _listed(instance, backup)


@look_up()
def note_files(instance: Instance, backup: Backup, read: WorkRead, listed: Listed) -> None:
    """Note in the session's container that its files are as in a backup that counts.

    It is done where all of the backup was read back; else the note of an earlier one stays.
    """
    if all_was_read(backup):
        _note(instance, backup, read, listed)


def note(instance: Instance, backup: Backup, read: WorkRead) -> None:
    """Note in a container that its files are as in a backup, so that the next one may be of changes.

    Where that is trouble, the next backup is of all files.

    Args:
        instance: the session.
        backup: it counts, and came into the container just now.
        read: what was seen of its files on the way.
    """
    if listed := _listed(instance, backup):
        _note(instance, backup, read, listed)


def _listed(instance: Instance, backup: Backup) -> Listed | None:
    if not will_be_large(backup):
        return None
    try:
        found = _engine_of(instance).list_files(instance.container, instance.keep)
    except Exception as trouble:  # noqa: BLE001 - as above
        _warn(trouble, "the next backup of instance %s is of all its files: %s", instance)
        return None
    if not found:
        return None
    inventory, at = found
    return Listed(inventory, at, outside().clock.uptime())


def _note(instance: Instance, backup: Backup, read: WorkRead, listed: Listed) -> None:
    inventory = listed.inventory
    if read.begun is not None:  # by a clock that both ends of the time were read from: ours, which is not the host's
        inventory = settled(inventory, listed.at - timedelta(seconds=listed.uptime - read.begun))
    noted = Noted(backup.id, now(), bool(read.links), inventory)
    try:
        _engine_of(instance).write_files(instance.container, [noting.packed(noted)])
    except Exception as trouble:  # noqa: BLE001 - as above
        _warn(trouble, "the next backup of instance %s is of all its files: %s", instance)


def _warn(trouble: Exception, sentence: str, instance: Instance) -> None:
    """Log it; with its traceback, where it is none of the troubles that are known."""
    log().warning(sentence, instance.id, trouble, exc_info=not isinstance(trouble, DockerDriverError))


def _engine_of(instance: Instance) -> HostEngine:
    return outside().engines.of(outside().store.hosts.get(instance.get_placement().host))
