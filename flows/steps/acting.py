"""What each decision of housekeeping leads to."""

from collections.abc import Awaitable, Callable

from flows.steps import settling
from flows.steps.queue import ask_to_start, serve_queue
from flows.steps.sessions import refuse_start
from pool.backups.rules import asking
from pool.decisions import Decision, DecisionKind
from pool.errors import Refused
from pool.reports.run_tags import BACKGROUND
from pool.sessions.drain import drain_ends_soon, drain_over_since
from pool.sessions.requests import end_of
from pool.states import HostState, InstanceState
from tasks.backups.keeping import last_backup
from tasks.base import now, run_id, this_run
from tasks.courses.courses import due_start
from tasks.gateway.activity import still_idle
from tasks.gateway.routes import withdraw_route
from tasks.hosts.lifecycle import delete_server, get_host, move_host, prove_gone
from tasks.hosts.operator import put_back_into_service
from tasks.hosts.setup import renew_certificate
from tasks.housekeeping.orphans import count_removal, note_repair
from tasks.leases import lease
from tasks.runs import start_was_cancelled, trigger
from tasks.sessions.extensions import grant_late_request
from tasks.sessions.instances import get_instance, move_instance
from tasks.sessions.standbys import begin_standby, end_standby

PROOF_SECONDS = 5


async def act(decision: Decision, number: int) -> None:
    """Do what was decided. Every act looks first: a decision that is out of date does no harm.

    Args:
        decision: one of this tick.
        number: its place in the tick; two spawns of one tick are told apart by it.
    """
    await _ACTS[decision.kind](decision, f"{run_id()}-{number}")


async def _wait(_decision: Decision, _key: str) -> None:
    """Nothing is done: the reason is what there is to say."""


async def _spawn(decision: Decision, key: str) -> None:
    wanted = {"pool": decision.subject, "flavor": decision.flavor, "reason": decision.reason}
    await trigger("spawn-host/on-demand", wanted, key=f"spawn-{key}")


async def _configure(decision: Decision, key: str) -> None:
    await note_repair(decision.subject)
    await trigger("configure-host/on-demand", {"host": decision.subject}, key=f"configure-{key}")


async def _renew(decision: Decision, _key: str) -> None:
    host = await get_host(decision.subject)
    if host.state in (HostState.ACTIVE, HostState.DRAINING):
        await note_repair(host.name)
        async with lease(f"configuring of {host.name}", holder=this_run()):
            await renew_certificate(host)


async def _drain(decision: Decision, _key: str) -> None:
    await move_host(decision.subject, HostState.DRAINING, reason=decision.reason)


async def _return(decision: Decision, _key: str) -> None:
    host = await get_host(decision.subject)
    if host.state is HostState.DRAINING:
        await put_back_into_service(host.name, decision.reason)
        await serve_queue(host.pool)


async def _let_go(decision: Decision, key: str) -> None:
    """Drain an empty host; one that got a session meanwhile stays, or it would keep its place for that one alone."""
    host = await get_host(decision.subject)
    if not host.reserved:
        await _drain(decision, key)


async def _fail_host(decision: Decision, _key: str) -> None:
    await move_host(decision.subject, HostState.FAILED, reason=decision.reason)


async def _remove(decision: Decision, _key: str) -> None:
    host = await move_host(decision.subject, HostState.REMOVING, reason=decision.reason)
    await count_removal(host)
    await delete_server(host)
    if await prove_gone(host, PROOF_SECONDS):
        await move_host(host.name, HostState.REMOVED, reason=decision.reason)


async def _confirm_gone(decision: Decision, _key: str) -> None:
    await move_host(decision.subject, HostState.REMOVED, reason=decision.reason)


async def _delete_server(decision: Decision, _key: str) -> None:
    host = await get_host(decision.subject)
    await count_removal(host)
    await delete_server(host)


async def _end(decision: Decision, key: str) -> None:
    await settling.end_or_ask(await get_instance(decision.subject), decision, key)


async def _expire(decision: Decision, key: str) -> None:
    """End a session whose time is over still; one that was extended since it was looked at goes on.

    So does one whose user asked for it since the tick began, which granted what was asked for by then.
    """
    instance, at = await get_instance(decision.subject), now()
    if instance.state is InstanceState.RUNNING and instance.expires_at and instance.expires_at <= at:
        if instance.extensions and await grant_late_request(instance):
            return
        stopping, why, cause = InstanceState.STOPPING, decision.reason, decision.cause
        ending = await move_instance(instance.id, stopping, reason=why, cause=cause, only_if_expired_by=at)
        await settling.end_or_ask(ending, decision, key)


async def _end_drained(decision: Decision, key: str) -> None:
    """End a session that its host's drain has no more time for; one whose host serves again goes on."""
    instance = await get_instance(decision.subject)
    if instance.state is not InstanceState.RUNNING or not instance.host:
        return
    if drain_over_since(await get_host(instance.host), now()):
        await settling.end_or_ask(instance, decision, key)


async def _end_idle(decision: Decision, key: str) -> None:
    """End an idle session; one whose user came back since it was looked at goes on."""
    instance = await get_instance(decision.subject)
    if await still_idle(instance):
        await settling.end_or_ask(instance, decision, key)


async def _clean_up(decision: Decision, key: str) -> None:
    instance = await get_instance(decision.subject)
    to = InstanceState.DELETED if instance.state is InstanceState.STOPPING else InstanceState.FAILED
    await settling.end_or_ask(instance, decision, key, to)


async def _back_up(decision: Decision, _key: str) -> None:
    """Ask for a backup; once for each that there is to be, however many ticks ask."""
    instance, last = await get_instance(decision.subject), await last_backup(decision.subject)
    wanted = {"instance_id": instance.id, "scheduled": True}
    await trigger("backup-instance/on-demand", wanted, key=asking(instance, last, now()))


async def _start(decision: Decision, key: str) -> None:
    """Have a session that has room started; one whose start was cancelled ends, if its run did not end it."""
    instance = await get_instance(decision.subject)
    if instance.state is not InstanceState.STARTING:
        return
    if await start_was_cancelled(instance):
        await refuse_start(instance, Refused("cancelled"))
    else:
        await ask_to_start(instance, again=key)


async def _move_off(decision: Decision, _key: str) -> None:
    """Ask for a move off a draining host; once for each deadline, however many ticks ask."""
    instance = await get_instance(decision.subject)
    host = await get_host(instance.host) if instance.host else None
    until = drain_ends_soon(host, now()) if host else None
    if instance.state is InstanceState.RUNNING and until:
        wanted = {"instance_id": instance.id, "reason": decision.reason}
        key = f"move-off-{instance.id}-{instance.host}-{until.isoformat()}"
        await trigger("move-instance/on-demand", wanted, key=key)


async def _move_on(decision: Decision, key: str) -> None:
    wanted = {"instance_id": decision.subject, "begun": True}
    await trigger("move-instance/on-demand", wanted, key=f"move-on-{key}")


async def _start_standby(decision: Decision, _key: str) -> None:
    """Record it, and have a run start it; where this process dies between the two, a later tick asks for the run."""
    standby = await begin_standby(*decision.subject.split("/", 1))
    if standby:
        await _ask_for_start(standby.id)


async def _ask_standby(decision: Decision, _key: str) -> None:
    await _ask_for_start(decision.subject)


async def _ask_for_start(standby_id: str) -> None:
    """Ask for the run that starts a standby; once for each, however many ticks ask."""
    wanted = {"standby_id": standby_id}
    await trigger("start-standby/on-demand", wanted, key=f"start-{standby_id}", tags=[BACKGROUND])


async def _start_class(decision: Decision, _key: str) -> None:
    """Ask for the sessions of a class; once in ten minutes, however many ticks ask, and each session but once."""
    if start := await due_start(decision.subject):
        await trigger("provision-instances/on-demand", start.request, key=start.key_at(now()))


async def _end_standby(decision: Decision, _key: str) -> None:
    await end_standby(decision.subject, decision.reason)


async def _give_up(decision: Decision, _key: str) -> None:
    queued, failed = InstanceState.QUEUED, InstanceState.FAILED
    await move_instance(decision.subject, failed, reason=decision.reason, cause=decision.cause, only_from=queued)


async def _fail_instance(decision: Decision, _key: str) -> None:
    instance = await get_instance(decision.subject)
    to, reason = end_of(instance, InstanceState.FAILED, decision.reason)
    await withdraw_route(instance)
    await move_instance(instance.id, to, reason=reason, cause=decision.cause)


_ACTS: dict[DecisionKind, Callable[[Decision, str], Awaitable[None]]] = {
    DecisionKind.SPAWN: _spawn,
    DecisionKind.WAIT: _wait,
    DecisionKind.CUT_OFF: settling.say_loudly,
    DecisionKind.CONFIGURE: _configure,
    DecisionKind.RENEW: _renew,
    DecisionKind.DRAIN: _drain,
    DecisionKind.RETURN: _return,
    DecisionKind.LET_GO: _let_go,
    DecisionKind.FAIL_HOST: _fail_host,
    DecisionKind.REMOVE: _remove,
    DecisionKind.CONFIRM_GONE: _confirm_gone,
    DecisionKind.DELETE_SERVER: _delete_server,
    DecisionKind.EXPIRE: _expire,
    DecisionKind.END_DRAINED: _end_drained,
    DecisionKind.END_IDLE: _end_idle,
    DecisionKind.BACK_UP: _back_up,
    DecisionKind.CLEAN_UP: _clean_up,
    DecisionKind.LOST_CONTAINER: settling.lost_container,
    DecisionKind.SHUT_DOWN: settling.shut_down,
    DecisionKind.START_AGAIN: settling.start_container_again,
    DecisionKind.OUT_OF_MEMORY: settling.say_only,
    DecisionKind.FILLS_DISK: settling.say_only,
    DecisionKind.END_WRITER: _end,
    DecisionKind.REPORT: settling.say_only,
    DecisionKind.REMOVE_CONTAINER: settling.remove_container,
    DecisionKind.REMOVE_PART: settling.remove_part,
    DecisionKind.START: _start,
    DecisionKind.MOVE_OFF: _move_off,
    DecisionKind.MOVE_ON: _move_on,
    DecisionKind.START_STANDBY: _start_standby,
    DecisionKind.ASK_STANDBY: _ask_standby,
    DecisionKind.START_CLASS: _start_class,
    DecisionKind.END_STANDBY: _end_standby,
    DecisionKind.GIVE_UP: _give_up,
    DecisionKind.FAIL_INSTANCE: _fail_instance,
}
