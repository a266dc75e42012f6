"""Provision a session: record it, take room, start it, wait until it answers, publish it, say where it is."""

from prefect import flow

from flows.steps.forms import BlueprintName, InstanceId, Options, User
from flows.steps.outcome import pipeline
from flows.steps.queue import serve_queue
from flows.steps.sessions import refuse_start, start_or_await
from pool.errors import NoRoom, Refused, RefusedMove
from pool.records import BlueprintSpec, Instance
from pool.reports.run_names import name_of_start
from pool.sessions.requests import check_not_over
from pool.states import BEGINNING, EndCause, InstanceState
from tasks.base import run_parameters
from tasks.gateway.routes import publish_route
from tasks.sessions.answers import answer
from tasks.sessions.coming_runs import recorded_beside, starting_later
from tasks.sessions.instances import get_instance, move_instance
from tasks.sessions.queue import check_waiting
from tasks.sessions.requests import find_request, read_blueprint, record_instance


def run_name() -> str:
    """What the UI calls a run: who gets what, and under which id."""
    return name_of_start(run_parameters())


@flow(name="provision-instance", flow_run_name=run_name, persist_result=True)
@pipeline
async def provision_instance(
    instance_id: InstanceId, blueprint: BlueprintName = "jupyter-minimal", user: User = "", options: Options = None
) -> dict:
    """Start one session and answer with its URL. The same request with one instance_id gives the same session.

    Without room it waits in the queue: the answer then is `queued`, with its position, and another run starts it when
    its turn comes.

    Args:
        instance_id: Name of the session, chosen by the platform: 1 to 63 of a-z, 0-9 and -, no - first. Another request
            with the same name is refused.
        blueprint: Name of the blueprint that says how the session is made.
        user: Who it is for; kept with the session's record.
        options: What else the request says; each may be left out.

    Returns:
        instance_id, state, url, launch_url (where to send the user), expires_at, host, position, estimated_wait
        (seconds), accepted_at, phases (seconds since then). Also the artifact `instance-<instance_id>`.
    """
    instance, recipe = await record(instance_id, blueprint, user, options or {})
    if instance.state is InstanceState.RUNNING:
        await publish_route(instance)  # the run that started it may have died before it did
    elif instance.state in BEGINNING:
        instance = await begin(instance, recipe or await recipe_of(instance))
    return await answer_of(instance)


async def record(instance_id: str, blueprint: str, user: str, options: dict) -> tuple[Instance, BlueprintSpec | None]:
    """Record the session, and give out room in the order of the queue; the session as it is then, and its blueprint."""
    await recorded_beside()
    async with starting_later(instance_id):
        known = await find_request(instance_id, blueprint, user, options)
        instance, recipe = (known, None) if known else await record_instance(instance_id, blueprint, user, options)
        if instance.state is not InstanceState.QUEUED:
            return instance, recipe
        await serve_queue(instance.pool, own=instance_id)
    return await get_instance(instance_id), recipe


async def begin(instance: Instance, recipe: BlueprintSpec) -> Instance:
    """The session: it runs; or it waits for room, or for another run that starts it."""
    if instance.state is InstanceState.QUEUED:
        instance = await wait_in_line(instance, recipe)
    if instance.state is InstanceState.STARTING:
        instance = await start_or_await(instance, recipe)
    return instance


async def recipe_of(instance: Instance) -> BlueprintSpec:
    """Read the blueprint of a session that was asked for earlier.

    Raises:
        Refused: it is gone, or cannot be read any more. The session is failed with the reason.
    """
    try:
        return await read_blueprint(instance.blueprint)
    except Refused as refusal:
        await refuse_start(instance, refusal)
        raise


async def wait_in_line(instance: Instance, recipe: BlueprintSpec) -> Instance:
    """The session as it waits; or as it is when its turn came this very moment.

    Raises:
        Refused: it would wait for nothing, or said that it would not. It is failed with the reason.
    """
    try:
        await check_waiting(instance, recipe)
        return instance
    except Refused as refusal:
        return await give_up(instance, refusal)


async def give_up(instance: Instance, refusal: Refused) -> Instance:
    """End the wait with the refusal; unless its turn came this very moment."""
    try:
        cause = EndCause.NO_ROOM if isinstance(refusal, NoRoom) else EndCause.NOT_STARTED
        failed, queued = InstanceState.FAILED, InstanceState.QUEUED
        await move_instance(instance.id, failed, reason=str(refusal), cause=cause, only_from=queued)
    except RefusedMove:
        return await get_instance(instance.id)
    raise refusal


async def answer_of(instance: Instance) -> dict:
    """The answer for a session as it is now; one that still starts is answered like one that waits.

    Raises:
        Refused: it is over, and why; an id is used once.
    """
    check_not_over(instance)
    return await answer(instance)
