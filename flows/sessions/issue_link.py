"""Issue a launch link: a running session is opened once more, in another browser or after the first link's time."""

from prefect import flow

from flows.steps.forms import InstanceId
from flows.steps.outcome import pipeline
from pool.errors import NotFound, Refused
from pool.states import InstanceState
from tasks.sessions.instances import find_instance
from tasks.sessions.links import issue


@flow(name="issue-link", flow_run_name="link to {instance_id}", persist_result=True)
@pipeline
async def issue_link(instance_id: InstanceId) -> dict:
    """Answer with a new link to a running session. It works once, and only for a short time.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.

    Returns:
        instance_id, launch_url. Also the artifact `link-<instance_id>`.
    """
    instance = await find_instance(instance_id)
    if instance is None:
        raise NotFound(f"no instance is named {instance_id!r}")
    if instance.state is not InstanceState.RUNNING:
        raise Refused(f"instance {instance.id} is {instance.state}: there is nothing that a link could open")
    return await issue(instance)
