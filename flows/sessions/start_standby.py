"""Start a standby: its container, and wait until it answers; the next request may have it then."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import StandbyId
from flows.steps.outcome import pipeline
from pool.errors import DatabaseAway, EngineTrouble, HostUnreachable, RefusedMove
from pool.records import BlueprintSpec, Instance
from pool.standbys.standby import Standby, StandbyState
from tasks.base import log, this_run
from tasks.hosts.lifecycle import count_error
from tasks.leases import Held, lease
from tasks.sessions.containers import remove_container, start_container, wait_until_ready
from tasks.sessions.requests import read_blueprint
from tasks.sessions.standbys import end_standby, find_standby, make_ready


@flow(name="start-standby", flow_run_name="start {standby_id}")
@pipeline
async def start_standby(standby_id: StandbyId) -> State:
    """Start one standby that housekeeping has recorded. Harmless when repeated.

    Args:
        standby_id: Id of the standby.
    """
    standby = await find_standby(standby_id)
    if standby is None or standby.state is not StandbyState.STARTING:
        return Completed(message=f"{standby_id} is {standby.state if standby else 'not known'}; nothing to do")
    try:
        async with lease(f"starting of {standby_id}", holder=this_run()):
            return Completed(message=await bring_up(standby))
    except Held as held:
        return Completed(message=str(held))


async def bring_up(standby: Standby) -> str:
    """Bring it to where the next request may have it. What goes wrong ends it; housekeeping begins another, later."""
    try:
        blueprint = await read_blueprint(standby.blueprint)
        return await _made_ready(standby.as_session(blueprint.proxy), blueprint)
    except DatabaseAway:  # what runs is not ended for what cannot be written: a tick ends it in its time
        raise
    except (EngineTrouble, HostUnreachable) as error:
        if await was_given_up(standby.id):  # with its container: no host is at fault
            await remove_container(standby.as_session())
            return f"{standby.id} was given up meanwhile"
        if error.blame.counts and standby.host:
            await count_error(standby.host, str(error))
        await end_standby(standby.id, str(error), failed=True)
        raise
    except BaseException as error:
        await end_standby(standby.id, str(error) or "cancelled", failed=True)
        raise


async def was_given_up(standby_id: str) -> bool:
    """Whether it starts no more: its room was needed, or it was outdated before it was ready."""
    today = await find_standby(standby_id)
    return today is None or today.state is not StandbyState.STARTING


async def _made_ready(session: Instance, blueprint: BlueprintSpec) -> str:
    await start_container(session, blueprint)
    await wait_until_ready(session, blueprint)
    try:
        await make_ready(session.id)
    except RefusedMove as refusal:  # its container was removed before it was made
        log().info("%s was given up meanwhile: %s", session.id, refusal)
        await remove_container(session)
        return f"{session.id} was given up meanwhile"
    return f"{session.id} is ready on {session.host}"
