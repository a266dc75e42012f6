"""Tasks on orphans and other differences from SQL: look again, start again, remove, record."""

from datetime import timedelta

from blocks.clouds.port import Cloud
from blocks.engine.client import HostEngine
from blocks.outside import now, outside
from pool.hosts.backoff import pause
from pool.housekeeping.orphans import CloudPart, lives, part_of
from pool.records import Host, Instance
from pool.states import ENDED, LIVING_HOSTS
from tasks.base import look_up, pool_task


@look_up()
def container_runs(instance: Instance) -> bool:
    """Whether the session's container runs now; a decision about it may be out of date.

    Raises:
        HostUnreachable: the engine does not answer, so it is unknown.
    """
    state = _engine_of(instance).find(instance.container)
    return state is not None and state.running


@pool_task(task_run_name="start the container of {instance.id} again")
def start_again(instance: Instance) -> None:
    """Start a container that stopped with its host; its files are as they were.

    Raises:
        EngineTrouble: the engine would not; it is gone, or its image is.
        HostUnreachable: the engine does not answer.
    """
    _engine_of(instance).start(instance.container)


@pool_task(task_run_name="remember that {host} is configured again")
def note_repair(host: str) -> None:
    """Write down that the host is configured because of what was found on it, so that it is not every tick."""
    outside().store.hosts.note_repair(host, now())


@pool_task(task_run_name="count a try to remove {host.name}")
def count_removal(host: Host) -> None:
    """Count one more try to remove the host's server, and say before when there is no further one."""
    outside().store.hosts.count_removal(host.name, now() + timedelta(seconds=pause(host.removals)))


@look_up()
def note_orphans(pool: str, orphans: list[str]) -> None:
    """Write down what carries our mark without a living record, so that a later tick knows that it was reported.

    Args:
        pool: that looks after them.
        orphans: ids of all that are there now, and no more: Prefect looks through every parameter of a task, which
            takes seconds where it is a whole observation.
    """
    outside().store.orphans.note(pool, orphans, now())


@pool_task(task_run_name="remove {orphan}")
def remove_orphan_container(orphan: str) -> None:
    """Remove a container whose session is over, or is elsewhere by now; absent is success.

    Args:
        orphan: "container/<host>/dd-<instance>".

    Raises:
        HostUnreachable: the host's engine does not answer.
    """
    _, host, name = orphan.split("/")
    _count_try(orphan)
    if not _belongs(name, host):
        outside().engines.of(outside().store.hosts.get(host)).remove(name)


@pool_task(task_run_name="remove {orphan}")
def remove_orphan_part(orphan: str) -> None:
    """Remove a thing from the cloud that no living record speaks of; absent is success.

    Args:
        orphan: as in "port/main/main-01/3f0c…".

    Raises:
        CloudTrouble: something still uses it; it is tried again later.
    """
    part = part_of(orphan)
    _count_try(orphan)
    living = {host.name: host for host in outside().store.hosts.all(states=LIVING_HOSTS)}
    if not lives(part, living):
        _cloud_for(part).remove_part(part)


def _cloud_for(part: CloudPart) -> Cloud:
    """The cloud of the part's pool; of any pool, where its own is no more."""
    known = part.pool if part.pool in outside().pools() else None
    return outside().cloud(known or outside().stored.pools()[0])


def _engine_of(instance: Instance) -> HostEngine:
    return outside().engines.of(outside().store.hosts.get(instance.get_placement().host))


def _belongs(container: str, host: str) -> bool:
    """Whether a session or a standby lives whose container this is: it may have come here since the tick began."""
    living = [one.container for one in outside().store.instances.all(host=host) if one.state not in ENDED]
    return container in (*living, *(one.container for one in outside().store.standbys.all() if one.host == host))


def _count_try(orphan: str) -> None:
    known = outside().store.orphans.find(orphan)
    if known:
        outside().store.orphans.count_removal(orphan, now() + timedelta(seconds=pause(known.attempts)))
