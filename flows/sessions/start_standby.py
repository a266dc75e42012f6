"""Start a standby: its container, and wait until it answers; freeze it; the next request may have it then."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import StandbyId
from flows.steps.outcome import pipeline
from pool.errors import DatabaseAway, EngineTrouble, HostUnreachable, RefusedMove
from pool.records import BlueprintSpec
from pool.standbys.standby import Standby, StandbyState
from tasks.base import log, this_run
from tasks.hosts.lifecycle import count_error
from tasks.leases import Held, lease
from tasks.sessions.containers import (
    freeze_container,
    remove_container,
    start_container,
    thaw_container,
    wait_until_ready,
)
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
            return Completed(message=await start_until_ready(standby))
    except Held as held:
        return Completed(message=str(held))


async def start_until_ready(standby: Standby) -> str:
    """Start it until the next request may have it. What goes wrong ends it; housekeeping begins another, later."""
    try:
        blueprint = await read_blueprint(standby.blueprint)
        return await _made_ready(standby, blueprint)
    except DatabaseAway:  # what runs is not ended for what cannot be written: a tick ends it in its time
        raise
    except (EngineTrouble, HostUnreachable) as error:
        if superseded := await why_superseded(standby):  # no host is at fault
            return superseded
        if error.blame.counts and standby.host:
            await count_error(standby.host, str(error))
        await end_standby(standby.id, str(error), failed=True)
        raise
    except BaseException as error:
        await end_standby(standby.id, str(error) or "cancelled", failed=True)
        raise


async def why_superseded(standby: Standby) -> str:
    """Return why this run has no standby to start any more, and tidy up after it; empty: it is still to be started.

    One that was given up, for its room was needed or it was outdated, leaves no container: it may have been removed
    before it was made. One that another run made ready, while this one was held up for longer than a lease lasts, keeps
    it; and where a session has it by now, what this run may have frozen goes on.
    """
    current = await find_standby(standby.id)
    session, state = standby.as_session(), current.state if current else StandbyState.ENDED
    if state is StandbyState.STARTING:
        return ""
    if state is StandbyState.READY:
        return f"{standby.id} was made ready by another run"
    if state is StandbyState.TAKEN:
        await thaw_container(session)
        return f"{standby.id} was made ready by another run, and a session has it"
    await remove_container(session)
    return f"{standby.id} was given up meanwhile"


async def _made_ready(standby: Standby, blueprint: BlueprintSpec) -> str:
    """Frozen before a request may have it: what is frozen later could be a session's."""
    session = standby.as_session(blueprint.proxy)
    await start_container(session, blueprint)
    await wait_until_ready(session, blueprint)
    if blueprint.standby_frozen:
        await freeze_container(session, blueprint.standby_warm_up)
    try:
        await make_ready(session.id)
    except RefusedMove as refusal:
        log().info("%s starts no more: %s", session.id, refusal)
        return await why_superseded(standby)
    return f"{session.id} is ready on {session.host}"
