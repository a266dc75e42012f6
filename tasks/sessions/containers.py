"""Tasks for the containers of sessions: start, wait until it answers, remove."""

from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from blocks.engine.client import STEP_SECONDS, HostEngine
from blocks.outside import now, outside
from pool.blame import IMAGE_GONE
from pool.courses.course import Course
from pool.errors import EngineTrouble, Refused, SessionNotReady
from pool.housekeeping.found import exit_words
from pool.records import BlueprintSpec, ContainerSpec, Host, Instance
from pool.sessions.containers import container_spec
from pool.sessions.filling import auth_header_of
from pool.sessions.log_lines import MOST_LINES, log_lines
from pool.sessions.requests import check_unchanged
from pool.sessions.timings import Moments, Phase, next_alive_look, next_look
from pool.standbys.standby import MARK
from pool.states import HostState
from tasks.base import blocking, look_up, pool_task
from tasks.courses.courses import courses_with_files
from tasks.images.versions import image_on
from tasks.sessions.secrets import put_secrets

TAKEN_SECONDS = 1.0  # that one is given to answer which stood by: it has answered before
THAWED_SECONDS = 5.0  # likewise, of one that was frozen: much of its memory may be in swap


@pool_task(retries=1, retry_delay_seconds=1, task_run_name="start {instance.id} on {instance.host}")
async def start_container(instance: Instance, blueprint: BlueprintSpec, filled: str = "") -> Moments:
    """Have the host's engine run the session's container, when it is its turn; one that already runs is left as it is.

    Args:
        instance: the session.
        blueprint: how it is made.
        filled: id of the container that holds what was brought back; this one runs, or none. Empty: there is nothing.

    Returns:
        When it was its turn, when the container existed, and when it ran.

    Raises:
        Refused: the blueprint asks for more room, or another pool, than when the session was asked for; or the files of
            its course are not there, or too many, or a secret of it is gone.
    """
    async with turn_to_start(instance):
        return await blocking(_run, instance, blueprint, filled)


@asynccontextmanager
async def turn_to_start(instance: Instance) -> AsyncIterator[None]:
    """Wait until it is the session's turn on its host, and have it for the block: first come, first served.

    A standby lets all sessions pass: no user waits for it.

    The order is this process's own: a turn ends with the process that had it, and needs no end on record. No session
    waits longer than an engine may take for one step: on a host that hangs, it is to find out so, and go elsewhere.
    """
    config = await blocking(outside().kept_config, instance.pool)  # as the last tick read it: by SQL, not from Prefect
    most, last = config.DD_STARTS_PER_HOST, instance.id.startswith(MARK)
    async with outside().turns.one_of(f"starts on {instance.host}", most, STEP_SECONDS, last):
        yield


def _run(instance: Instance, blueprint: BlueprintSpec, filled: str) -> Moments:
    moments: Moments = {Phase.TURN: now()}
    with session_container(instance, blueprint) as (engine, spec):

        def created() -> None:
            moments[Phase.CREATED] = now()
            for course in _courses_to_give(instance, blueprint):
                engine.write_files(spec.name, outside().course_files.tar(course))
            put_secrets(engine, spec, instance)

        engine.run(spec, created, filled)
    return moments | {Phase.STARTED: now()}


def _courses_to_give(instance: Instance, blueprint: BlueprintSpec) -> list[Course]:
    courses = courses_with_files(instance)
    if courses and blueprint.read_only:
        words = (
            f"course {courses[0].name} gives files, and nothing can be put into sessions of blueprint {blueprint.name}"
        )
        raise Refused(f"{words} (read_only)")
    return courses


@contextmanager
def session_container(instance: Instance, blueprint: BlueprintSpec) -> Iterator[tuple[HostEngine, ContainerSpec]]:
    """Lend the engine of the session's host, and say what its container is, for what is done with both.

    An image that the host has lost is recorded so: no session is sent after it, and the next distribution sends it.

    Raises:
        Refused: the blueprint asks for more room, or another pool, than when the session was asked for.
    """
    check_unchanged(instance, blueprint)
    host = outside().store.hosts.get(instance.get_placement().host)
    image_id = image_on(host, blueprint)
    zone = outside().kept_config(instance.pool).DD_TIMEZONE  # as the last tick read it: by SQL, not from Prefect
    spec = container_spec(instance, blueprint, image_id, outside().settings.identity, zone)
    try:
        yield outside().engines.of(host), spec
    except EngineTrouble as error:
        if error.blame is IMAGE_GONE:
            outside().store.images.unmark(host.name, image_id)
        raise


@pool_task(task_run_name="wait until {instance.id} answers on {instance.host}")
async def wait_until_ready(instance: Instance, blueprint: BlueprintSpec) -> Moments:
    """Wait until the notebook answers HTTP; says when it did.

    Raises:
        SessionNotReady: its container ended, or it did not answer in the blueprint's time.
    """
    host = await blocking(outside().store.hosts.get, instance.get_placement().host)
    ask, looked_at, like_it = asking(instance, blueprint, host), 0.0, f"answer of {blueprint.name}"
    async for waited in looks(outside().turns.shortest_time(like_it)):
        if await blocking(ask):
            outside().turns.note_time(like_it, waited)
            break
        if waited >= next_alive_look(looked_at) or waited > blueprint.start_timeout:
            await blocking(_check_alive, instance, host)
            looked_at = waited
        if waited > blueprint.start_timeout:
            place = f"port {blueprint.port} of its container on {host.name}"
            raise SessionNotReady(
                f"instance {instance.id}: nothing answered at {place} within {blueprint.start_timeout} s, though its"
                " program runs: does it listen there, on 0.0.0.0?"
            )
    return {Phase.ANSWERING: now()}


@look_up()
async def answers_already(instance: Instance, blueprint: BlueprintSpec) -> Moments:
    """Say when the container that a session took over answered; nothing where it does not within a moment."""
    host = await blocking(outside().store.hosts.get, instance.get_placement().host)
    ask, limit = asking(instance, blueprint, host), THAWED_SECONDS if blueprint.standby_frozen else TAKEN_SECONDS
    async for waited in looks():
        if await blocking(ask):
            return {Phase.ANSWERING: now()}
        if waited > limit:
            break
    return {}


def asking(instance: Instance, blueprint: BlueprintSpec, host: Host) -> Callable[[], bool]:
    """Return the question whether a session, or a standby as one, answers HTTP."""
    path = ("/" if blueprint.proxy.strip_prefix else instance.base_url) + blueprint.ready_path
    header = auth_header_of(instance.proxy, instance.token, instance.user)
    return partial(outside().session_answers, host.get_address(), instance.get_placement().port, path, header)


async def looks(expected: float = 0.0) -> AsyncIterator[float]:
    """Say after how many seconds it is time for the next look at a session that starts: at once for the first.

    Args:
        expected: seconds that the fastest of the last sessions like it took; 0: none is known.
    """
    begun, waited = outside().clock.uptime(), 0.0
    while True:
        yield waited
        await sleep(next_look(waited, outside().settings.poll_seconds, expected))
        waited = outside().clock.uptime() - begun


def _check_alive(instance: Instance, host: Host) -> None:
    engine = outside().engines.of(host)
    state = engine.find(instance.container)
    if state is None:
        raise SessionNotReady(f"instance {instance.id}: its container on {host.name} is gone before it answered")
    if not state.running:
        said = _last_words(instance, engine.logs(instance.container, 5))
        raise SessionNotReady(
            f"instance {instance.id}: its container on {host.name} ended with exit code {exit_words(state.exit_code)}"
            f" before it answered; it said: {said}"
        )


def _last_words(instance: Instance, log: str) -> str:
    """The last line of a container's log that says anything, without the session's secrets."""
    lines = [line.strip() for line in log_lines(log, instance, MOST_LINES) if line.strip()]
    return lines[-1][:200] if lines else "nothing"


@pool_task(retries=1, retry_delay_seconds=1, task_run_name="freeze {instance.id} on {instance.host}")
async def freeze_container(instance: Instance, warm_up: int) -> None:
    """Have a standby that answers stand still, after a while in which it does what programs do once they are up.

    Args:
        instance: the standby, as the session of no user that it is.
        warm_up: seconds of this while.

    Raises:
        EngineTrouble: its container is gone, or has ended.
    """
    await sleep(warm_up)
    await blocking(_engine_of(instance).freeze, instance.container)


@pool_task(retries=1, retry_delay_seconds=1, task_run_name="thaw {instance.id} on {instance.host}")
def thaw_container(instance: Instance) -> None:
    """Have the container that stood by frozen go on; one that does not stand still, or is gone, is left as it is."""
    _engine_of(instance).thaw(instance.container)


def _engine_of(instance: Instance) -> HostEngine:
    return outside().engines.of(outside().store.hosts.get(instance.get_placement().host))


@pool_task(retries=2, retry_delay_seconds=[1, 5], task_run_name="remove {instance.id} from {instance.host}")
def remove_container(instance: Instance) -> None:
    """Remove the session's container; absent is success, and so is a host that the cloud says is gone.

    Raises:
        HostUnreachable: the engine does not answer, so the container may still run.
    """
    if not instance.host:
        return
    host = outside().store.hosts.get(instance.host)
    if host.state is not HostState.REMOVED:
        outside().engines.of(host).remove(instance.container)
