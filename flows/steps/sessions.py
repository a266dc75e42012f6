"""How a session begins and ends: the compositions that several pipelines share."""

from asyncio import timeout
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from flows.steps.backups import brought_back, keep_work
from flows.steps.queue import serve_queue
from pool.backups.rules import has_work
from pool.errors import (
    DatabaseAway,
    DockerDriverError,
    EngineTrouble,
    HostUnreachable,
    Refused,
    RefusedMove,
    WorkAway,
)
from pool.housekeeping.under_way import START_ATTEMPTS
from pool.records import BlueprintSpec, Instance
from pool.sessions.requests import end_of
from pool.sessions.secrets import sealed_of
from pool.sessions.timings import Moments
from pool.states import ENDED, EndCause, InstanceState
from tasks.base import blocking, log, run_id, this_run
from tasks.gateway.routes import publish_route, withdraw_route
from tasks.hosts.lifecycle import count_error
from tasks.leases import Held, lease
from tasks.publishing.ends import tell_why_end_waits
from tasks.runs import start_was_cancelled
from tasks.sessions.containers import (
    answers_already,
    remove_container,
    start_container,
    thaw_container,
    wait_until_ready,
)
from tasks.sessions.instances import await_other_run, begin_to_run, get_instance, move_instance
from tasks.sessions.secrets import drop_sealed

#: Seconds that a run which is cancelled waits for what Prefect's server says of the session's other runs.
OTHERS_SECONDS = 4.0
ASKED_AGAIN = "one of the runs that it was asked for with was cancelled while it started"


async def start_or_await(instance: Instance, blueprint: BlueprintSpec) -> Instance:
    """Start a session that has room; or wait for the run that does so already. The session as it is then."""
    try:
        async with lease(f"starting of {instance.id}", holder=this_run()) as hold:
            still_ours = partial(blocking, hold.renew)
            return await start_session(await get_instance(instance.id), blueprint, still_ours)
    except (Held, RefusedMove):  # another run is at it, or it was ended meanwhile
        return await await_other_run(instance.id, blueprint.start_timeout)


async def _as_ever() -> None:
    """Say that no other run can be at it."""


async def start_session(
    instance: Instance, blueprint: BlueprintSpec, still_ours: Callable[[], Awaitable[None]] = _as_ever
) -> Instance:
    """Start a session on the host that it has room on; on another one when that fails it, once it has room there.

    Whatever ends this early, the session is undone: no route, no container, no room. What is not the host's fault is
    not held against it, and what no host can do is not tried on another. Only where the database is away, or the work
    that it left its last host with, the session is left as it is recorded, and the next tick has it started anew: what
    runs is not ended for what cannot be written, nor what has left for what cannot be read.

    Args:
        instance: the session.
        blueprint: how it is made.
        still_ours: raises `Held` where another run has the session by now, since this one was frozen. It undoes nothing
            then: what it would remove is what the other one has got running.

    Returns:
        The session: running; or queued again, until there is room for it elsewhere.
    """
    attempts = 0
    while instance.state is InstanceState.STARTING:
        attempts += 1
        try:
            return await _bring_up(instance, blueprint)
        except (EngineTrouble, HostUnreachable) as error:
            await still_ours()
            if error.blame.counts:
                await count_error(instance.get_placement().host, str(error))
            last = attempts == START_ATTEMPTS or not error.blame.elsewhere
            instance = await _try_elsewhere(instance, error, last)
        except RefusedMove:  # another run ended it meanwhile: it ends as that run says
            await _take_away(instance)
            raise
        except (DatabaseAway, WorkAway, GeneratorExit):  # the last one: it is closed, and may wait for nothing
            raise
        except Exception as error:
            await still_ours()
            await _undo_start(instance, InstanceState.FAILED, str(error) or type(error).__name__)
            raise
        except BaseException:  # cancelled: in this process, or by a signal to one that has this run alone
            with suppress(Held):
                await still_ours()
                await _undo_cancelled(instance)
            raise
    return instance


async def refuse_start(instance: Instance, refusal: Refused) -> None:
    """Fail a session that was asked for earlier and cannot be started any more; unless another run starts it."""
    with suppress(Held, RefusedMove):
        async with lease(f"starting of {instance.id}", holder=this_run()):
            await _undo_start(instance, InstanceState.FAILED, str(refusal))


async def _try_elsewhere(instance: Instance, error: DockerDriverError, last: bool) -> Instance:
    """Give the room back and queue again, in the old place; the session as it is when its turn was looked for."""
    to = InstanceState.FAILED if last else InstanceState.QUEUED
    undone = await _undo_start(instance, to, str(error))
    if last or not undone:
        raise error
    log().warning("trying elsewhere: %s", error)
    return await get_instance(instance.id)


async def _bring_up(instance: Instance, blueprint: BlueprintSpec) -> Instance:
    async with brought_back(instance, blueprint) as (filled, backup):
        reached = await _answering(instance, blueprint, filled)
        running = await begin_to_run(instance, blueprint, reached, backup)
    await publish_route(running)
    await done_with_secrets(running)
    return running


async def _answering(instance: Instance, blueprint: BlueprintSpec, filled: str) -> Moments:
    """Have its container answer; one that a standby left it answers already, or is replaced where it is."""
    if instance.standby:
        if blueprint.standby_frozen:
            await thaw_container(instance)
        if moments := await answers_already(instance, blueprint):
            return moments
        log().warning("the standby of %s does not answer: its container is made anew", instance.id)
        await remove_container(instance)
    started = await start_container(instance, blueprint, filled)
    return started | await wait_until_ready(instance, blueprint)


async def _undo_cancelled(instance: Instance) -> None:
    """End a session whose start was cancelled; where another request for it stands, another run starts it anew."""
    if await _ends_with_this_run(instance):
        await _undo_start(instance, InstanceState.FAILED, "cancelled")
    else:
        await _undo_start(instance, InstanceState.QUEUED, ASKED_AGAIN, own="")


async def _ends_with_this_run(instance: Instance) -> bool:
    """Whether it does; also where Prefect's server does not say so in time."""
    try:
        async with timeout(OTHERS_SECONDS):
            return await start_was_cancelled(instance, by=run_id())
    except Exception as error:  # noqa: BLE001 - whatever keeps the server from saying it
        log().warning("other runs for %s are not known: %r", instance.id, error)
        return True


async def _undo_start(instance: Instance, to: InstanceState, reason: str, own: str | None = None) -> bool:
    """Undo a start that went wrong, and give out the room that it had; whether all of it is undone.

    What it went wrong by is what its run must say.

    Args:
        instance: the session.
        to: the state that it is to have.
        reason: for it.
        own: the session that the caller starts by itself if it gets room again; None: that one.
    """
    undone = True
    try:
        await undo(instance, to, reason, EndCause.NOT_STARTED)
    except RefusedMove:
        raise
    except DockerDriverError as error:
        log().warning("instance %s is left to housekeeping: %s", instance.id, error)
        undone = False
    await serve_queue(instance.pool, own=instance.id if own is None else own)
    return undone


async def _take_away(instance: Instance) -> None:
    """Remove route and container of a session whose state is another run's. What stays, housekeeping finds."""
    try:
        await withdraw_route(instance)
        await remove_container(instance)
    except DockerDriverError as error:
        log().warning("instance %s is left to housekeeping: %s", instance.id, error)


async def undo(instance: Instance, to: InstanceState, reason: str, cause: EndCause | None = None) -> Instance:
    """Remove route and container, each whatever became of the other, then give the room back.

    When one of them cannot be removed now, the instance stays `stopping` and keeps its room: housekeeping goes on with
    it, and the room of a container that may still run, or that a route leads to, is never given away.
    """
    troubles = [trouble for step in (withdraw_route, remove_container) if (trouble := await _trouble(step(instance)))]
    if troubles:
        stays = await move_instance(instance.id, InstanceState.STOPPING, reason=reason, cause=cause)
        if has_work(instance):
            await tell_why_end_waits(stays)
        raise troubles[0]
    undone = await move_instance(instance.id, to, reason=reason, cause=cause)
    if undone.state in ENDED:
        await done_with_secrets(undone)
    return undone


async def _trouble(step: Awaitable[None]) -> Exception | None:
    """Do one step; what went wrong, told by the caller once the other steps are done."""
    try:
        await step
    except Exception as error:  # noqa: BLE001 - a full disk, Prefect's server away: the other step is tried all the same
        log().warning("a step of ending a session failed: %s", error)
        return error
    return None


async def done_with_secrets(instance: Instance) -> None:
    """Delete the secrets for one use of a session that has them by now, or is over.

    No error is raised: the session is what it is by then, and a tick deletes what is left.
    """
    if not sealed_of(instance.options):
        return
    try:
        await drop_sealed(instance)
    except Exception as error:  # noqa: BLE001 - see above
        log().warning("a secret for one use of %s is left to a tick: %s", instance.id, type(error).__name__)


async def end_session(
    instance: Instance, reason: str, cause: EndCause | None, to: InstanceState = InstanceState.DELETED
) -> Instance:
    """End a session for good: route first, its work next, then container, then room. Repeating it is harmless.

    One that is ending already, because its start failed or its container is gone, ends as that.
    """
    if instance.state in ENDED:
        return instance
    to, reason = end_of(instance, to, reason)
    if to is InstanceState.DELETED or has_work(instance):
        instance = await move_instance(instance.id, InstanceState.STOPPING, reason=reason, cause=cause)
    reason += await keep_work(instance)
    ended = await undo(instance, to, reason, cause)
    if instance.host:
        await serve_queue(instance.pool)
    return ended
