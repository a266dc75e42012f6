"""Provision a session: record it, take room, start it, wait until it answers, publish it, say where it is."""

from prefect import flow

from flows.outcome import says_why
from flows.sessions import start_session
from pool.errors import Refused, RefusedMove
from pool.records import Instance
from pool.states import InstanceState
from tasks.instances import announce, await_other_run, find_instance, read_blueprint, record_instance
from tasks.routes import publish_route


@flow(name="provision-instance", flow_run_name="provision {instance_id}", persist_result=True)
@says_why
async def provision_instance(
    instance_id: str, blueprint: str = "jupyter-minimal", user: str = "", options: dict | None = None
) -> dict:
    """Start one session and answer with its URL. Asked twice with one instance_id, there is one session.

    Args:
        instance_id: Name of the session, chosen by whoever asks: 1 to 63 of a-z, 0-9 and -.
        blueprint: Name of the blueprint that says how the session is made.
        user: Who it is for; kept with the session's record.
        options: lifetime (seconds, at most the blueprint's) and environment (names and texts, no secrets).

    Returns:
        instance_id, state, url, launch_url (where to send the user), expires_at, host. Also the artifact
        `instance-<instance_id>`.
    """
    recipe = await read_blueprint(blueprint)
    instance = await record_instance(instance_id, recipe, user, options or {})
    if instance.state is InstanceState.QUEUED:
        await announce(instance)  # the platform may send its user there at once, to watch it start
        try:
            return await announce(await start_session(instance, recipe))
        except RefusedMove:  # another run of the same request was faster, or somebody ended it meanwhile
            pass
        except BaseException:
            await announce(await find_instance(instance_id))  # the first answer must not stand
            raise
    return await answer_of(await await_other_run(instance_id, recipe.start_timeout))


async def answer_of(instance: Instance) -> dict:
    """The answer for a session that somebody else started.

    Raises:
        Refused: it is over; an id is used once.
    """
    if instance.state is not InstanceState.RUNNING:
        because = f" ({instance.reason})" if instance.reason else ""
        raise Refused(f"instance {instance.id} is {instance.state}{because}; ask with a new instance_id")
    await publish_route(instance)
    return await announce(instance)
