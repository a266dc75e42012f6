"""What housekeeping does about differences between SQL and what is found outside. Every act looks again first."""

from dataclasses import replace

from flows.steps.sessions import end_session
from pool.backups.rules import has_work
from pool.decisions import Decision
from pool.errors import EngineTrouble
from pool.records import Instance
from pool.states import EndCause, InstanceState
from tasks.base import log
from tasks.housekeeping.orphans import container_runs, remove_orphan_container, remove_orphan_part, start_again
from tasks.runs import trigger
from tasks.sessions.instances import get_instance, move_instance


async def end_or_ask(
    instance: Instance, decision: Decision, key: str, to: InstanceState = InstanceState.DELETED
) -> None:
    """End a session; one that has work to keep by a run of its own, for a backup takes longer than a tick."""
    if not has_work(instance):
        await end_session(instance, decision.reason, decision.cause, to=to)
        return
    await ask_to_end(instance, decision.reason, decision.cause, key)


async def ask_to_end(instance: Instance, reason: str, cause: EndCause | None, key: str) -> None:
    """Have a run of its own end a session with work, in a process that keeps no request from its place."""
    await move_instance(instance.id, InstanceState.STOPPING, reason=reason, cause=cause)
    request = {"instance_id": instance.id, "patient": True}
    await trigger("deprovision-instance/with-backup", request, key=f"end-{key}")


async def lost_container(decision: Decision, key: str) -> None:
    """End the session of a container that is not there any more, as failed, with the reason."""
    await _end_unless_it_runs(decision, key, InstanceState.FAILED)


async def shut_down(decision: Decision, key: str) -> None:
    """End the session that its user ended from inside."""
    await _end_unless_it_runs(decision, key, InstanceState.DELETED)


async def _end_unless_it_runs(decision: Decision, key: str, to: InstanceState) -> None:
    instance = await get_instance(decision.subject)
    if instance.state is InstanceState.RUNNING and not await container_runs(instance):
        await end_or_ask(instance, decision, key, to)


async def start_container_again(decision: Decision, key: str) -> None:
    """Start the container of a session whose host rebooted; one that does not start any more has failed."""
    instance = await get_instance(decision.subject)
    if instance.state is not InstanceState.RUNNING:
        return
    try:
        await start_again(instance)
    except EngineTrouble as error:
        reason = f"{decision.reason}, and did not start it again: {error}"
        await end_or_ask(instance, replace(decision, reason=reason), key, InstanceState.FAILED)


async def remove_container(decision: Decision, _key: str) -> None:
    """Remove an orphan container."""
    await remove_orphan_container(decision.subject)


async def remove_part(decision: Decision, _key: str) -> None:
    """Remove an orphan thing from the cloud."""
    await remove_orphan_part(decision.subject)


async def say_loudly(decision: Decision, _key: str) -> None:
    """Log what an operator has to know at once."""
    log().error("pool %s: %s", decision.subject, decision.reason)


async def say_only(_decision: Decision, _key: str) -> None:
    """Do nothing: that it is decided, recorded and shown is all."""
