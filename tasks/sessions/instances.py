"""Tasks for sessions: record, start, wait until it answers, move, remove."""

from asyncio import sleep
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from blocks.engine.client import HostEngine
from blocks.outside import now, outside
from pool.blame import IMAGE_GONE
from pool.errors import EngineTrouble, NotFound, Refused, SessionNotReady
from pool.moments import check_minutes
from pool.names import check_instance_id, check_user
from pool.records import BlueprintSpec, ContainerSpec, Host, Instance
from pool.sessions.admission import check_admission, expiry
from pool.sessions.containers import container_spec
from pool.sessions.limits import limits_of
from pool.sessions.log_lines import MOST_LINES, log_lines
from pool.sessions.requests import check_not_over, check_same_request, check_unchanged, read_wanted
from pool.sessions.timings import Moments, Phase, next_look
from pool.settings import PoolSettings
from pool.states import HostState, InstanceState
from tasks.base import accepted_at, blocking, look_up, pool_task
from tasks.sessions.answers import answer_for
from tasks.sessions.courses import course_troubles, courses_with_files
from tasks.sessions.positions import positions_in
from tasks.sessions.secrets import look_for_secrets, put_secrets
from tasks.sessions.standbys import asking, standbys_for
from tasks.sessions.starts import turn_to_start
from tasks.sessions.versions import image_on, versions_of

ALIVE_SECONDS = 1.0  # between two looks whether the container of a session that starts still runs
TAKEN_SECONDS = 1.0  # that one is given to answer which stood by: it has answered before


@look_up()
def read_blueprint(name: str) -> BlueprintSpec:
    """Read the blueprint of this name, as it is now.

    Raises:
        NotFound: no blueprint has this name; the message lists those that exist.
    """
    return outside().stored.blueprint(name)


@pool_task(task_run_name="record {instance_id} · {blueprint}")
def record_instance(
    instance_id: str, blueprint: str, user: str, options: dict
) -> tuple[Instance, BlueprintSpec | None]:
    """Record the request before anything is done about it; the same request gives the same instance.

    A session that is known needs no blueprint here: it goes on, or has ended, whatever became of its blueprint since.

    Returns:
        The instance; and its blueprint, if it was recorded just now.

    Raises:
        BadRequest: the id is not of the form it must have, or an option is unknown.
        Refused: the id is another request's; or the pool takes no sessions (shutdown mode, whitelist).
        TooManySessions: the user, or all users together, have as many sessions as a limit allows.
        NotFound: there is no such blueprint or course, or the pool does not offer its image.
    """
    check_instance_id(instance_id)
    check_user(user)
    known = _known(instance_id)
    recipe: BlueprintSpec | None = None
    if known is None:
        recipe = outside().stored.blueprint(blueprint)
        settings = _admit(recipe, options)
        if trouble := course_troubles(recipe, options, [user]):
            raise Refused(trouble[user])
        look_for_secrets(recipe, options)
        standbys, limits = standbys_for(recipe, options, settings, [user]), limits_of(settings, recipe, user)
        request = outside().store.instances.request
        known, _ = request(instance_id, recipe, user, options, now(), limits, accepted_at(), standbys)
    check_same_request(known, blueprint, user, options)
    return known, recipe


@pool_task(task_run_name="record sessions · {blueprint}")
def record_instances(sessions: list[Any], blueprint: str, options: dict) -> tuple[list[Instance], dict[str, str]]:
    """Record several requests in one transaction, before anything is done about one; known ones are found again.

    Returns:
        The instances; and why others were refused, by their ids.

    Raises:
        BadRequest: the list, or an option, is not of the form it must have.
        Refused: the pool takes no sessions (shutdown mode, whitelist). None was recorded.
        NotFound: there is no such blueprint or course, or the pool does not offer its image.
    """
    wanted, refused = read_wanted(sessions)
    known = outside().store.instances.named([one.instance_id for one in wanted])
    if new := [one for one in wanted if one.instance_id not in known]:
        recipe = outside().stored.blueprint(blueprint)
        settings, users = _admit(recipe, options), {one.user for one in new}
        look_for_secrets(recipe, options, len(new))
        troubles = course_troubles(recipe, options, users)
        refused |= {one.instance_id: troubles[one.user] for one in new if one.user in troubles}
        new = [one for one in new if one.user not in troubles]
        standbys, limits = standbys_for(recipe, options, settings, users), partial(limits_of, settings, recipe)
        request = outside().store.instances.request_all
        made, over = request(new, recipe, options, now(), limits, accepted_at(), standbys)
        known |= {one.id: one for one in made}
        refused |= over
    for one in wanted:
        try:
            if one.instance_id in known:
                check_same_request(known[one.instance_id], blueprint, one.user, options)
                check_not_over(known[one.instance_id])
        except Refused as refusal:
            refused[one.instance_id] = str(refusal)
    return [known[one.instance_id] for one in wanted if one.instance_id not in refused], refused


def _admit(blueprint: BlueprintSpec, options: dict) -> PoolSettings:
    """Refuse what the pool does not take; return its settings, by which the rest is decided."""
    settings = outside().config(blueprint.pool).settings(blueprint.pool)
    check_admission(settings, blueprint, options)
    outside().store.images.get(blueprint.pool, blueprint.image)
    versions_of(blueprint)
    return settings


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


def _run(instance: Instance, blueprint: BlueprintSpec, filled: str) -> Moments:
    moments: Moments = {Phase.TURN: now()}
    with session_container(instance, blueprint) as (engine, spec):

        def created() -> None:
            moments[Phase.CREATED] = now()
            for course in courses_with_files(instance):
                engine.write_files(spec.name, outside().course_files.tar(course))
            put_secrets(engine, spec, instance)

        engine.run(spec, created, filled)
    return moments | {Phase.STARTED: now()}


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
    ask, looked_at = asking(instance, blueprint, host), 0.0
    async for waited in _looks():
        if await blocking(ask):
            break
        if waited >= looked_at + ALIVE_SECONDS or waited > blueprint.start_timeout:
            await blocking(_check_alive, instance, host)
            looked_at = waited
        if waited > blueprint.start_timeout:
            seconds = blueprint.start_timeout
            raise SessionNotReady(f"instance {instance.id}: nothing answered on {host.name} within {seconds} s")
    return {Phase.ANSWERING: now()}


@look_up()
async def answers_already(instance: Instance, blueprint: BlueprintSpec) -> Moments:
    """Say when the container that a session took over answered; nothing where it does not within a moment."""
    host = await blocking(outside().store.hosts.get, instance.get_placement().host)
    ask = asking(instance, blueprint, host)
    async for waited in _looks():
        if await blocking(ask):
            return {Phase.ANSWERING: now()}
        if waited > TAKEN_SECONDS:
            break
    return {}


async def _looks() -> AsyncIterator[float]:
    """Say after how many seconds it is time for the next look at a session that starts: at once for the first."""
    begun, waited = outside().clock.uptime(), 0.0
    while True:
        yield waited
        await sleep(next_look(waited, outside().settings.poll_seconds))
        waited = outside().clock.uptime() - begun


def _check_alive(instance: Instance, host: Host) -> None:
    engine = outside().engines.of(host)
    state = engine.find(instance.container)
    if state is None:
        raise SessionNotReady(f"instance {instance.id}: its container on {host.name} is gone before it answered")
    if not state.running:
        said = _last_words(instance, engine.logs(instance.container, 5))
        raise SessionNotReady(
            f"instance {instance.id}: its container on {host.name} ended with exit code {state.exit_code}"
            f" before it answered; it said: {said}"
        )


def _last_words(instance: Instance, log: str) -> str:
    """The last line of a container's log that says anything, without the session's secrets."""
    lines = [line.strip() for line in log_lines(log, instance, MOST_LINES) if line.strip()]
    return lines[-1][:200] if lines else "nothing"


@pool_task(publishes=False, task_run_name="move {instance.id} to running")
def begin_to_run(instance: Instance, blueprint: BlueprintSpec, moments: Moments, restored_from: str = "") -> Instance:
    """Move a session that answers to running, for as long as it may last; its host's errors count no longer.

    It is told by the step that publishes the route: before that, its address shows a page that asks to wait.

    Raises:
        RefusedMove: another run ended it meanwhile; nothing changed.
    """
    at = now()
    expires_at = expiry(blueprint, instance.options, at)
    return outside().store.instances.begin_to_run(instance.id, at, expires_at, moments, restored_from)


@pool_task(task_run_name="move {instance_id} to {to}")
def move_instance(instance_id: str, to: InstanceState, reason: str = "", **facts: Any) -> Instance:
    """Move an instance along its life cycle by one guarded write; its room is given back where it leaves it.

    Facts are what the store takes: ``cause``, ``only_from``, the one state that it may come from, and
    ``only_if_expired_by``, the moment by which its time must be over.

    Raises:
        RefusedMove: the life cycle does not allow it from where the instance is now, or it is no longer what the facts
            say; nothing changed.
    """
    return outside().store.instances.move(instance_id, to, now(), reason=reason, **facts)


@pool_task(task_run_name="extend {instance_id} to {minutes} min from now")
def extend(instance_id: str, minutes: int) -> Instance:
    """Let a running session go on for at least so many minutes from now.

    Raises:
        BadRequest: the minutes are not 1 or more, or more than ten years.
        Refused: it does not run.
        NotFound: no instance has this id.
    """
    check_minutes(minutes)
    return outside().store.instances.extend(instance_id, minutes * 60, now())


@look_up()
def answer(instance: Instance) -> dict:
    """Compose the answer to the platform; the same that the publisher leaves as the artifact ``instance-<id>``."""
    positions = positions_in(instance.pool) if instance.state is InstanceState.QUEUED else {}
    return answer_for(instance, positions.get(instance.id, (None, None))[1])


@look_up()
def find_instance(instance_id: str) -> Instance | None:
    """Find the instance's record; None when no request ever had this id."""
    return _known(instance_id)


@look_up()
def get_instance(instance_id: str) -> Instance:
    """Read the instance's record.

    Raises:
        NotFound: no instance has this id.
    """
    return outside().store.instances.get(instance_id)


@look_up()
def get_instances(instance_ids: list[str]) -> list[Instance]:
    """Read the records of those of these instances that there are, in the order of the queue."""
    return list(outside().store.instances.named(instance_ids).values())


def _known(instance_id: str) -> Instance | None:
    try:
        return outside().store.instances.get(instance_id)
    except NotFound:
        return None


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


@pool_task(task_run_name="wait for the run that starts {instance_id}")
async def await_other_run(instance_id: str, seconds: int) -> Instance:
    """Wait until the instance starts no more; returns it, also as it is after *seconds*."""
    async for waited in _looks():
        instance = await blocking(outside().store.instances.get, instance_id)
        if instance.state is not InstanceState.STARTING or waited > seconds:
            break
    return instance
