"""Which sessions a run looks at soon: what gives one room meanwhile asks for no other run to start it.

Threads of one process tell each other. Runs in processes of their own (``DD_ISOLATED_RUNS``) know of no other process:
for them a lease says so, which is held until the run has looked. None of it holds an invariant: where a run dies before
it looked, a tick asks for another one.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager

from blocks.outside import log, now, outside
from tasks.base import blocking, run_id

PROMISED_SECONDS = 30.0  # that a run which has been found may take to begin
#: As much for one that has a process of its own: of a burst, each imports all flows, on a few cores.
ISOLATED_SECONDS = 120.0
#: That a run waits for what its process does for it meanwhile.
BESIDE_SECONDS = 5.0


@asynccontextmanager
async def starting_later(instance_id: str) -> AsyncIterator[None]:
    """Say, for a block, that the run which asks looks after the block whether the session has room, and starts it then.

    A run that gives it room meanwhile asks for no other one, where it is of this process or this one tells the others.
    Where this process dies before it looked, the session has room and no run: the next tick asks for one, as it does
    where a run dies before it could ask.
    """
    mine = {instance_id: run_id()} if outside().settings.isolated_runs else {}
    await _tell_others(_take, mine)
    try:
        with outside().turns.looking_later(start_of(instance_id)):
            yield
    finally:
        await _tell_others(_drop, mine)


def promise_start(instance_id: str) -> None:
    """Say that a run of this process which was found and waits to begin will do so: no other one is asked for."""
    outside().turns.promise_look(start_of(instance_id), outside().clock.uptime(), PROMISED_SECONDS)


def leave_start(instance_id: str) -> bool:
    """Say that the run which was promised begins in another process; whether a run is to be asked for in its place.

    It may have looked there, and ended, before this process gave the session room and left it to that run.
    """
    return outside().turns.break_promise(start_of(instance_id))


async def promise_to_others(runs: Mapping[str, str]) -> None:
    """Say the same to all processes, of runs that have processes of their own.

    Args:
        runs: by session, the id of the flow run that is to start it.
    """
    await _tell_others(_take, runs)


async def break_promise_to_others(runs: Mapping[str, str]) -> None:
    """Say that these runs are over: what room their sessions get from now on, they do not see."""
    await _tell_others(_drop, runs)


def left_to_other_processes(instance_ids: Collection[str]) -> set[str]:
    """Return those of the sessions that a run of another process looks at soon, as far as it told."""
    if not instance_ids or not outside().settings.isolated_runs:
        return set()
    starts = {start_of(instance_id): instance_id for instance_id in instance_ids}
    return {starts[name] for name in outside().store.leases.holders([*starts], now())}


async def recorded_beside() -> None:
    """Wait until this process has done what it does for the run that asks beside its taking, if it does anything.

    It takes as long as the run's way to its first line. Where it takes longer, the run does the same itself.
    """
    await outside().turns.end_of_work(beginning_of(run_id()), BESIDE_SECONDS)


def beginning_of(run: str) -> str:
    """Name what a process does for a run before its first line."""
    return f"beginning of flow run {run}"


def start_of(instance_id: str) -> str:
    """Name what is looked at."""
    return f"start of {instance_id}"


async def _tell_others(write: Callable[[Mapping[str, str]], None], runs: Mapping[str, str]) -> None:
    """Write or delete the leases. Where the database is away, a run more is asked for, or one by a tick."""
    if not runs:
        return
    try:
        await blocking(write, runs)
    except Exception as error:  # noqa: BLE001 - see above
        log().debug("other processes are not told of runs that begin: %r", error)


def _take(runs: Mapping[str, str]) -> None:
    for instance_id, run in runs.items():
        outside().store.leases.take(start_of(instance_id), f"flow run {run}", ISOLATED_SECONDS, now())


def _drop(runs: Mapping[str, str]) -> None:
    for instance_id, run in runs.items():
        outside().store.leases.drop(start_of(instance_id), f"flow run {run}")
