"""Deprovision a session: route, container, room, record."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import InstanceId
from flows.steps.outcome import pipeline
from flows.steps.sessions import end_session
from pool.records import Instance
from pool.states import EndCause
from tasks.sessions.instances import find_instance


@flow(name="deprovision-instance", flow_run_name="deprovision {instance_id}")
@pipeline
async def deprovision_instance(instance_id: InstanceId) -> State:
    """End one session. Doing it twice is harmless, and so is a container or a host that is already gone.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
    """
    instance = await find_instance(instance_id)
    if instance is None:
        return Completed(message=f"no instance is named {instance_id!r}; nothing to do")
    ended = await end_session(instance, "asked for", EndCause.REQUESTED)
    return Completed(message=f"instance {ended.id}{_whose(ended)} is {ended.state}")


def _whose(instance: Instance) -> str:
    return f" of {instance.user}" if instance.user else ""
