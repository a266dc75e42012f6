"""Move a running session to another host, by its backup; its address and its user's cookie stay."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import AnyHost, Begun, InstanceId, Reason
from flows.steps.moving import leave_host
from flows.steps.outcome import pipeline
from flows.steps.queue import ask_to_start, serve_queue
from pool.errors import DockerDriverError
from pool.housekeeping.under_way import longest_start
from pool.records import Instance
from pool.states import BEGINNING, ENDED, InstanceState
from tasks.base import run_id
from tasks.sessions.instances import await_other_run, get_instance


@flow(name="move-instance", flow_run_name="move {instance_id}")
@pipeline
async def move_instance(
    instance_id: InstanceId, host: AnyHost = "", reason: Reason = "", begun: Begun = False
) -> State:
    """Move a running session to another host with room. Only what its blueprint keeps comes along; its program ends.

    Where it cannot be moved nothing changes, and the run says why. A run that is made again goes on where it was.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        host: Name of the host that it goes to. Empty: the best other one.
        reason: Why; kept with the session's history.
        begun: Whether only a move that was begun is gone on with; housekeeping says so.
    """
    instance = await get_instance(instance_id)
    if not _is_left_to_do(instance, begun):
        return Completed(message=_words(instance))
    if not _has_left(instance):
        instance = await leave_host(instance, host, reason)
    arrived = await _begun_elsewhere(instance)
    if arrived.state in ENDED:
        raise DockerDriverError(f"{_words(arrived)}: {arrived.reason}")
    return Completed(message=_words(arrived))


async def _begun_elsewhere(instance: Instance) -> Instance:
    """Have the session started where it has room, as any other is; what it left is room for those that wait."""
    await serve_queue(instance.pool)
    instance = await get_instance(instance.id)
    if instance.state is InstanceState.STARTING:
        await ask_to_start(instance)
        return await await_other_run(instance.id, longest_start(instance.start_timeout))
    return instance


def _is_left_to_do(instance: Instance, begun: bool) -> bool:
    """Whether there is anything to do: a run that was made again may have moved it already."""
    if instance.state is InstanceState.RUNNING:
        return not begun and instance.moved_by != run_id()
    return not begun or instance.state is InstanceState.MOVING or _has_left(instance)


def _has_left(instance: Instance) -> bool:
    """Whether it is on its way, and no longer on its old host."""
    return bool(instance.carried) and instance.state in BEGINNING


def _words(instance: Instance) -> str:
    if instance.state is InstanceState.RUNNING:
        began = f", with backup {instance.restored_from}" if instance.restored_from else ""
        return f"instance {instance.id} runs on {instance.host}{began}"
    if instance.state is InstanceState.QUEUED:
        return f"instance {instance.id} is on no host and waits for room: it starts once there is some"
    return f"instance {instance.id} is {instance.state}"
