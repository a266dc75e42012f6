"""Give out room that appeared to sessions in the queue, and have those that got it started."""

from asyncio import gather
from collections.abc import Sequence

from pool.records import Instance
from pool.sessions.cancelled import BY_MANAGER
from tasks.base import log
from tasks.publishing.positions import publish_positions
from tasks.runs import trigger
from tasks.sessions.queue import give_out_room, sessions_wait


async def serve_queue(pool: str, own: str = "") -> None:
    """Give out room in the order of the queue, and ask for a flow run for each session that got some.

    Called at once by each run that frees room or queues a session. No error is raised, not even one of Prefect's client
    or of the database: the run has done its own work by then, and the next tick does what is left.

    Args:
        pool: name of the pool.
        own: id of the session that the caller starts by itself.
    """
    try:
        placed = await give_out_room(pool)
    except Exception as error:  # noqa: BLE001 - see above
        log().warning("the queue of %s is left to the next tick: %s: %s", pool, type(error).__name__, error)
        return
    await ask_to_start_all([one for one in placed if one.id != own])


async def ask_to_start_all(instances: Sequence[Instance]) -> None:
    """Ask for a flow run for each session that has room; what cannot be asked for is left to the next tick."""
    asked = await gather(*(ask_to_start(instance) for instance in instances), return_exceptions=True)
    for instance, outcome in zip(instances, asked, strict=True):
        if isinstance(outcome, Exception):
            log().warning("session %s is left to the next tick: %s", instance.id, outcome)


async def refresh_queue(pool: str) -> None:
    """Serve the queue, in case an earlier run crashed before it did, and publish all positions."""
    if await sessions_wait(pool):
        await serve_queue(pool)
        await publish_positions(pool)


async def ask_to_start(instance: Instance, again: str = "") -> None:
    """Have a flow run start a session that has room: the same request as its platform's.

    Args:
        instance: the session, starting.
        again: tells an asking from those before it. Empty: once for each time that it took room.
    """
    request = {
        "instance_id": instance.id,
        "blueprint": instance.blueprint,
        "user": instance.user,
        "options": instance.options,
    }
    key = f"{BY_MANAGER}{instance.id}-{again or instance.state_since.isoformat()}"
    await trigger("provision-instance/on-demand", request, key=key)
