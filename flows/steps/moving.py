"""How a session leaves its host for another one: by a backup that was read back, before its container goes."""

from typing import NoReturn

from flows.steps.backups import back_up
from flows.steps.sessions import end_session
from pool.backups.states import BackupCause, BackupFault, BackupTrouble
from pool.errors import DockerDriverError, EngineTrouble
from pool.records import Instance
from pool.sessions.moving import GOES_WITH_ALL, check_can_move
from pool.states import EndCause, InstanceState
from tasks.base import this_run
from tasks.gateway.routes import publish_route, withdraw_route
from tasks.hosts.lifecycle import get_host
from tasks.housekeeping.orphans import start_again
from tasks.leases import Held, Hold, lease
from tasks.sessions.containers import remove_container
from tasks.sessions.instances import get_instance
from tasks.sessions.moving import hand_over, note_carried, places_to_move, set_out, stay
from tasks.sessions.requests import read_blueprint


async def leave_host(instance: Instance, to: str, reason: str) -> Instance:
    """Take a session off its host; it is starting, or queued, then, and its work is in the backup that it carries.

    One run at a time does this to a session. What an earlier run began is gone on with.

    Args:
        instance: the session: it runs, or is moving already.
        to: name of the host that it is to go to; empty: any.
        reason: of the move.

    Raises:
        Refused: it cannot be moved, and nothing has changed.
        DockerDriverError: it is not moved, and goes on where it is; or it is still moving, and the next tick has a run
            go on with it. The message says which, and why.
        Held: another run moves it.
    """
    async with lease(f"moving of {instance.id}", holder=this_run()) as hold:
        instance = await get_instance(instance.id)
        if instance.state is not InstanceState.MOVING:
            instance = await _set_out(instance, to, reason)
        return await _leave(instance, hold)


async def _set_out(instance: Instance, to: str, reason: str) -> Instance:
    """Reserve room elsewhere. The session is backed up before: one that cannot be is found out while it still runs."""
    check_can_move(instance)
    blueprint = await read_blueprint(instance.blueprint)
    await places_to_move(instance, blueprint, to)
    await back_up(instance, BackupCause.REQUESTED)
    return await set_out(instance, blueprint, to, reason)


async def _leave(instance: Instance, hold: Hold) -> Instance:
    """Its visitors are out first, its work next, then its container, then its room."""
    await withdraw_route(instance)
    if not instance.carried:
        instance = await _with_its_work(instance)
    hold.check()  # a run that was frozen would remove what another one has brought back there since
    host = await get_host(instance.get_placement().host)
    if host.state not in GOES_WITH_ALL:
        await remove_container(instance)
    return await hand_over(instance.id)


async def _with_its_work(instance: Instance) -> Instance:
    try:
        backup = await back_up(instance, BackupCause.SESSION_MOVES)
    except (BackupTrouble, Held) as trouble:
        await _stay(instance, trouble)
    return await note_carried(instance.id, backup.id)


async def _stay(instance: Instance, trouble: DockerDriverError) -> NoReturn:
    """Have a session go on where it is, which could not be backed up once its program was ended.

    Raises:
        HostUnreachable: its host does not answer; it is still moving.
        DockerDriverError: always, otherwise: it stays, or has ended.
    """
    words = f"instance {instance.id} is not moved and stays on {instance.host}: {trouble}"
    try:
        await start_again(instance)
    except EngineTrouble as error:
        await _end(instance, trouble, error)
        raise
    await publish_route(await stay(instance.id, words))
    raise DockerDriverError(words) from trouble


async def _end(instance: Instance, trouble: DockerDriverError, error: EngineTrouble) -> None:
    gone = isinstance(trouble, BackupTrouble) and trouble.fault is BackupFault.CONTAINER_GONE
    cause = EndCause.CONTAINER_REMOVED if gone else EndCause.NOT_STARTED
    reason = f"it was to be moved and could not be backed up ({trouble}), nor started again: {error}"
    await end_session(instance, reason, cause, to=InstanceState.FAILED)
