"""Tasks for the records of sessions: move, extend, find."""

from typing import Any

from blocks.outside import now, outside
from pool.moments import check_minutes
from pool.records import BlueprintSpec, Instance
from pool.sessions.admission import expiry
from pool.sessions.timings import Moments
from pool.states import InstanceState
from tasks.base import blocking, look_up, pool_task, sql_step
from tasks.sessions.containers import looks


@sql_step(publishes=False)
def begin_to_run(instance: Instance, blueprint: BlueprintSpec, moments: Moments, restored_from: str = "") -> Instance:
    """Move a session that answers to running, for as long as it may last; its host's errors count no longer.

    It is told by the step that publishes the route, which shows it in the UI as well: before that, its address shows a
    page that asks to wait.

    Raises:
        RefusedMove: another run ended it meanwhile; nothing changed.
    """
    at = now()
    expires_at = expiry(blueprint, instance.options, at)
    return outside().store.instances.begin_to_run(instance.id, at, expires_at, moments, restored_from)


@pool_task(task_run_name="move {instance_id} to {to}")
def move_instance(instance_id: str, to: InstanceState, reason: str = "", **facts: Any) -> Instance:
    """Move an instance along its life cycle by one guarded write; its room is given back where it leaves it.

    Facts are what the store takes: ``cause``, ``only_from``, the one state that it may come from, and
    ``only_if_expired_by``, the moment by which its time must be over.

    Raises:
        RefusedMove: the life cycle does not allow it from where the instance is now, or it is no longer what the facts
            say; nothing changed.
    """
    return outside().store.instances.move(instance_id, to, now(), reason=reason, **facts)


@pool_task(task_run_name="extend {instance_id} to {minutes} min from now")
def extend(instance_id: str, minutes: int) -> Instance:
    """Let a running session go on for at least so many minutes from now.

    Raises:
        BadRequest: the minutes are not 1 or more, or more than ten years.
        Refused: it does not run.
        NotFound: no instance has this id.
    """
    check_minutes(minutes)
    return outside().store.instances.extend(instance_id, minutes * 60, now())


@look_up()
def find_instance(instance_id: str) -> Instance | None:
    """Find the instance's record; None when no request ever had this id."""
    return outside().store.instances.find(instance_id)


@look_up()
def get_instance(instance_id: str) -> Instance:
    """Read the instance's record.

    Raises:
        NotFound: no instance has this id.
    """
    return outside().store.instances.get(instance_id)


@look_up()
def get_instances(instance_ids: list[str]) -> list[Instance]:
    """Read the records of those of these instances that there are, in the order of the queue."""
    return list(outside().store.instances.named(instance_ids).values())


@pool_task(task_run_name="wait for the run that starts {instance_id}")
async def await_other_run(instance_id: str, seconds: int) -> Instance:
    """Wait until the instance starts no more; returns it, also as it is after *seconds*."""
    async for waited in looks():
        instance = await blocking(outside().store.instances.get, instance_id)
        if instance.state is not InstanceState.STARTING or waited > seconds:
            break
    return instance
