"""How a session begins and ends: the compositions that several pipelines share."""

from asyncio import gather

from prefect import get_run_logger

from pool.admission import expiry
from pool.errors import DockerDriverError, EngineTrouble, HostUnreachable, RefusedMove
from pool.records import BlueprintSpec, Instance
from pool.states import ENDED, InstanceState
from tasks.hosts import clear_errors, count_error
from tasks.instances import announce, move_instance, remove_container, start_container, take_room, wait_until_ready
from tasks.retrying import now
from tasks.routes import publish_route, withdraw_route
from tasks.service import sessions_on

ATTEMPTS = 2
HOSTS_FAULT = (EngineTrouble, HostUnreachable)


async def start_session(instance: Instance, blueprint: BlueprintSpec) -> Instance:
    """Start a queued instance on a host with room; on another one when the first fails it.

    Whatever ends this early, the session is undone: no route, no container, no room.
    """
    tried: list[str] = []
    while True:
        instance = await _take_room_or_fail(instance, blueprint, tried)
        try:
            return await _bring_up(instance, blueprint)
        except HOSTS_FAULT as error:
            await count_error(instance.host, str(error))
            tried.append(instance.host)
            again = len(tried) < ATTEMPTS
            instance = await undo(instance, InstanceState.QUEUED if again else InstanceState.FAILED, str(error))
            if not again:
                raise
            get_run_logger().warning("trying elsewhere: %s", error)
        except BaseException as error:
            await undo(instance, InstanceState.FAILED, str(error) or "cancelled")
            raise


async def _take_room_or_fail(instance: Instance, blueprint: BlueprintSpec, tried: list[str]) -> Instance:
    try:
        return await take_room(instance, blueprint, avoid=tried)
    except RefusedMove:
        raise  # another run has it: not ours to fail
    except DockerDriverError as error:
        await move_instance(instance.id, InstanceState.FAILED, reason=str(error))
        raise


async def _bring_up(instance: Instance, blueprint: BlueprintSpec) -> Instance:
    await start_container(instance, blueprint)
    await wait_until_ready(instance, blueprint)
    expires_at = expiry(blueprint, instance.options, now())
    running = await move_instance(instance.id, InstanceState.RUNNING, reason="answers", expires_at=expires_at)
    await publish_route(running)
    await clear_errors(running.host)
    return running


async def undo(instance: Instance, to: InstanceState, reason: str) -> Instance:
    """Remove route and container, then give the room back.

    When the container cannot be removed now, the instance stays `stopping` and keeps its room: housekeeping goes on
    with it, and the room of a container that may still run is never given away.
    """
    try:
        await withdraw_route(instance)
        await remove_container(instance)
    except DockerDriverError:
        await move_instance(instance.id, InstanceState.STOPPING, reason=reason)
        raise
    return await move_instance(instance.id, to, reason=reason)


async def tell_those_on(host: str) -> int:
    """Announce anew each session on a host whose state changed what is to be said of them; how many there are."""
    left = await sessions_on(host)
    await gather(*(announce(instance) for instance in left if instance.state is InstanceState.RUNNING))
    return len(left)


async def end_session(instance: Instance, reason: str, to: InstanceState = InstanceState.DELETED) -> Instance:
    """End a session for good: route first, then container, then room. Repeating it is harmless."""
    if instance.state in ENDED:
        return instance
    if to is InstanceState.DELETED:
        instance = await move_instance(instance.id, InstanceState.STOPPING, reason=reason)
    ended = await undo(instance, to, reason)
    await announce(ended)
    return ended
