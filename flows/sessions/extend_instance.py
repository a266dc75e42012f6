"""Extend a session: it ends later than it was to."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import InstanceId, LongerMinutes
from flows.steps.outcome import pipeline
from pool.moments import minute
from tasks.gateway.routes import tell_open_page
from tasks.sessions.instances import extend


@flow(name="extend-instance", flow_run_name="extend {instance_id} to {minutes} min from now")
@pipeline
async def extend_instance(instance_id: InstanceId, minutes: LongerMinutes = 60) -> State:
    """Let a running session go on for at least so many minutes from now; one that has longer is left as it is.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        minutes: From now, that it goes on for at least.
    """
    extended = await extend(instance_id, minutes)
    await tell_open_page(extended)
    until = extended.expires_at
    return Completed(message=f"session {instance_id} ends at {minute(until) if until else 'no time'}")
