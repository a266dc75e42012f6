"""Deprovision a session: route, container, room, record."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.forms import InstanceId, Patient
from flows.steps.outcome import pipeline
from flows.steps.sessions import end_session
from flows.steps.settling import ask_to_end
from pool.backups.rules import WARM_PLACES, has_work
from pool.records import Instance
from pool.states import ENDED, EndCause
from tasks.base import run_id, this_run
from tasks.leases import free_lease
from tasks.sessions.instances import find_instance


@flow(name="deprovision-instance", flow_run_name="deprovision {instance_id}")
@pipeline
async def deprovision_instance(instance_id: InstanceId, patient: Patient = False) -> State:
    """End one session. Doing it twice is harmless, and so is a container or a host that is already gone.

    Where its work is to be backed up first, and many others are, it ends a little later, by a run of its own.

    Args:
        instance_id: Name of the session, as it was given to provision-instance.
        patient: Whether the run may take as long as a backup does: it keeps no other one from its place.
    """
    instance = await find_instance(instance_id)
    if instance is None:
        return Completed(message=f"no instance is named {instance_id!r}; nothing to do")
    if patient or instance.state in ENDED or not has_work(instance):
        return await _end(instance)
    async with free_lease(WARM_PLACES, holder=this_run()) as place:
        if place:
            return await _end(instance)
    await ask_to_end(instance, "asked for", EndCause.REQUESTED, f"{instance.id}-{run_id()}")
    return Completed(message=f"instance {instance.id}{_whose(instance)} is stopping: it ends once it is backed up")


async def _end(instance: Instance) -> State:
    ended = await end_session(instance, "asked for", EndCause.REQUESTED)
    return Completed(message=f"instance {ended.id}{_whose(ended)} is {ended.state}")


def _whose(instance: Instance) -> str:
    return f" of {instance.user}" if instance.user else ""
