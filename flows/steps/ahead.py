"""What is done for runs before they begin: together for those that were found together, beside its taking for one."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from flows.steps.queue import ask_to_start, serve_queue
from flows.steps.sessions import refuse_start
from pool.errors import Refused
from pool.records import Instance
from pool.states import BEGINNING, InstanceState
from tasks.base import flush_publisher, log, now
from tasks.runs import start_was_cancelled
from tasks.sessions.coming_runs import (
    break_promise_to_others,
    leave_start,
    promise_start,
    promise_to_others,
)
from tasks.sessions.instances import find_instance
from tasks.sessions.queue import pools_where_wait
from tasks.sessions.requests import record_ahead

#: Seconds that runs which were found together wait, at the most, until sessions without room are told so.
TOLD_SECONDS = 1.0


@dataclass(frozen=True)
class FoundRun:
    """A run that is about to begin, or that another process has."""

    id: str
    parameters: Mapping[str, Any]  # those of its flow that it leaves out with their defaults
    accepted: datetime  # when it was to begin
    has_own_process: bool = False


Answer = TypeVar("Answer")
#: A loop keeps no task alive by itself.
_UNDER_WAY: set[asyncio.Task[Any]] = set()
#: What is waited for.
Wait = Callable[[], Awaitable[None]]
#: By the id of a run, what undoes what was done for it ahead, should it be cancelled before it begins.
Undoing = dict[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True)
class Ahead:
    """What is done for runs of one flow before they begin.

    Args:
        record: for several that were found together; its answer undoes it.
        place: after that, with nothing to undo beside it; answers with what the runs wait for before they begin.
            Meanwhile more runs are found, and the same is done for them.
        leave: for one that another process took, and whether it is over.
        share: for several that get a process each, before all else: what other processes are to know.
        alone: for one that was found alone, beside its taking: it records and places; its answer undoes it.
    """

    record: Callable[[Sequence[FoundRun]], Awaitable[Undoing]]
    place: Callable[[Sequence[FoundRun]], Awaitable[Wait | None]]
    leave: Callable[[FoundRun, bool], Awaitable[None]]
    share: Callable[[Sequence[FoundRun]], Awaitable[None]]
    alone: Callable[[FoundRun], Awaitable[Undoing]]


async def record_sessions(runs: Sequence[FoundRun]) -> Undoing:
    """Record the sessions that runs of provision-instance are for, so that all are told at once where they stand.

    A run that begins needs some ten requests to Prefect's server, which answers one after the other: the last of twenty
    would be told after seconds that it has to wait. What cannot be recorded here is left to its run, which says why.
    """
    undoing: Undoing = {}
    asked = Counter(run.parameters["instance_id"] for run in runs)
    for several in _alike(runs):
        _, made = await _record(several)
        once = {instance_id: run for instance_id, run in made.items() if asked[instance_id] == 1}
        undoing |= {run: partial(take_back, instance_id, run) for instance_id, run in once.items()}
    return undoing


async def _record(runs: Sequence[FoundRun]) -> tuple[list[Instance], dict[str, str]]:
    """Record what runs ask for that ask for the same.

    Returns:
        The sessions; and of those that were recorded just now, the runs that asked for them.
    """
    first, sessions = runs[0].parameters, [_session(run) for run in runs]
    first_of = {run.parameters["instance_id"]: run for run in reversed(runs)}
    asking = {instance_id: run.id for instance_id, run in first_of.items()}
    accepted = {instance_id: run.accepted for instance_id, run in first_of.items()}
    for instance_id in asking:
        promise_start(instance_id)
    began = now()
    try:
        known = await record_ahead(sessions, first["blueprint"], first["options"] or {}, accepted, asking)
    except Exception as error:  # noqa: BLE001 - whatever it is, their runs come upon it, too, and say so
        log().debug("%s sessions are recorded by their own runs: %s", len(runs), error)
        return [], {}
    return known, {one.id: asking[one.id] for one in known if one.created_at >= began}


async def place_sessions(runs: Sequence[FoundRun]) -> Wait | None:
    """Give out the room that there is; what these runs wait for before they begin: None where all have room.

    Told by their runs, sessions that wait would hear of it behind the starts of those that have room, which take all
    processors of a small machine and the one core of Prefect's server.

    Where it takes longer it goes on beside the runs: given up halfway, those that had got room would have no run.
    """
    return await _in_time(_place([run.parameters["instance_id"] for run in runs]))


async def _in_time(work: Coroutine[Any, Any, Answer]) -> Answer | None:
    """Wait a second at the most for what is done to its end; None where it goes on."""
    doing = asyncio.create_task(work)
    _UNDER_WAY.add(doing)
    doing.add_done_callback(_UNDER_WAY.discard)
    done, _ = await asyncio.wait([doing], timeout=TOLD_SECONDS)
    return doing.result() if done else None


async def _place(sessions: Sequence[str]) -> Wait | None:
    await _serve(await pools_where_wait(sessions))
    return wait_until_told if await pools_where_wait(sessions) else None


async def wait_until_told() -> None:
    """Wait until platforms can read where their sessions stand, a second at the most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TOLD_SECONDS):
            await flush_publisher(TOLD_SECONDS)


async def begin_alone(run: FoundRun) -> Undoing:
    """Record the session of a run that is being taken, and give it room; what undoes it.

    Prefect's server answers twice until the run is at its first line. The pool's database is asked meanwhile, which
    would else be asked after that. What cannot be done here, the run does, and says why.
    """
    known, made = await _record([run])
    await _in_time(_serve({one.pool for one in known if one.state is InstanceState.QUEUED}))
    return {asked_by: partial(take_back, instance_id, asked_by) for instance_id, asked_by in made.items()}


async def _serve(pools: Iterable[str]) -> None:
    for pool in pools:
        await serve_queue(pool)


async def take_back(instance_id: str, run: str) -> None:
    """End a session that was recorded for a run which was cancelled before it began; unless it was asked for again."""
    instance = await find_instance(instance_id)
    if instance and instance.state in BEGINNING and await start_was_cancelled(instance, by=run):
        await refuse_start(instance, Refused("cancelled"))


async def share_sessions(runs: Sequence[FoundRun]) -> None:
    """Have no process ask for another run where it gives room to a session whose run has yet to begin."""
    await promise_to_others({run.parameters["instance_id"]: run.id for run in runs})


async def leave_session(run: FoundRun, is_over: bool) -> None:
    """Rely no more on a run that another process took; where it is over, it may have been so before there was room.

    A run that is under way there finds the room that its session was given here.
    """
    instance_id = run.parameters.get("instance_id")
    if not isinstance(instance_id, str):
        return
    was_relied_on = leave_start(instance_id)
    if run.has_own_process and is_over:
        await break_promise_to_others({instance_id: run.id})
    if not is_over or not (was_relied_on or run.has_own_process):
        return
    instance = await find_instance(instance_id)
    if instance and instance.state is InstanceState.STARTING:
        await ask_to_start(instance)


#: By the name of a flow.
AHEAD = {"provision-instance": Ahead(record_sessions, place_sessions, leave_session, share_sessions, begin_alone)}


def _session(run: FoundRun) -> dict[str, Any]:
    return {name: run.parameters[name] for name in ("instance_id", "user")}


def _alike(runs: Sequence[FoundRun]) -> list[list[FoundRun]]:
    """Those that ask for the same but for the session's id and user, together."""
    groups = defaultdict[str, list[FoundRun]](list)
    for run in runs:
        same = [run.parameters["blueprint"], run.parameters["options"] or {}]
        groups[json.dumps(same, sort_keys=True, default=str)].append(run)
    return [*groups.values()]
