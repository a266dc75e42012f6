"""Verbs for instances: record, start, wait, announce, stop."""

from asyncio import sleep, to_thread
from time import monotonic

from prefect.artifacts import acreate_table_artifact

from blocks.database import pool_store
from blocks.engine.of_host import engine_of
from blocks.gateway.session_probe import answers
from blocks.settings import process_settings
from blocks.stored.blueprint import blueprint_spec
from blocks.stored.pool_config import pool_config
from pool.errors import EngineTrouble, NotFound, SessionNotReady
from pool.images.catalogue import usable_versions
from pool.names import check_instance_id, check_user
from pool.records import BlueprintSpec, Host, Image, Instance
from pool.sessions.admission import check_admission
from pool.sessions.containers import container_spec
from pool.sessions.drain import ends_at, notice
from pool.sessions.estimates import Standing
from pool.states import HostState, InstanceState
from tasks.base import verb
from tasks.events import tell_changes
from tasks.retrying import now, worth_retrying
from tasks.sessions.links import launch_url, session_url
from tasks.sessions.positions import places_of
from tasks.sessions.visitor_notices import tell_visitors

POLL_SECONDS = 0.1
#: States in which a link leads somewhere: before it runs, to a page that goes on to the session by itself.
OPENS = frozenset({InstanceState.QUEUED, InstanceState.STARTING, InstanceState.RUNNING})


@verb(task_run_name="read blueprint {name}")
async def read_blueprint(name: str) -> BlueprintSpec:
    """The blueprint of this name, as it is now.

    Raises:
        NotFound: no blueprint has this name; the message lists those that exist.
    """
    return blueprint_spec(name)


@verb(task_run_name="record {instance_id}")
async def record_instance(instance_id: str, blueprint: BlueprintSpec, user: str, options: dict) -> Instance:
    """Record the request before anything is done about it; the same id gives the same instance.

    Raises:
        BadRequest: the id is not of the form it must have, or an option is unknown.
        Refused: the pool takes no sessions (shutdown mode, whitelist).
        NotFound: the pool does not offer the blueprint's image.
    """
    check_instance_id(instance_id)
    check_user(user)
    settings = pool_config(blueprint.pool).settings(blueprint.pool)
    try:
        return pool_store().instances.get(instance_id)
    except NotFound:
        check_admission(settings, blueprint, options)
        pool_store().images.get(blueprint.pool, blueprint.image)
        versions_of(blueprint)
        instance = pool_store().instances.request(instance_id, blueprint, user, options, now())[0]
        await tell_changes()
    await tell_visitors(instance)
    return instance


def versions_of(blueprint: BlueprintSpec) -> list[Image]:
    """Versions that sessions of the blueprint may run, best first."""
    versions = pool_store().images.versions(blueprint.pool, blueprint.image)
    return usable_versions(blueprint.image, versions, blueprint.image_digest)


def _image_on(host: Host, blueprint: BlueprintSpec) -> str:
    """Id of the best version that the host has."""
    there = pool_store().images.on_host(host.name)
    found = next((version.id for version in versions_of(blueprint) if version.id in there), None)
    if found is None:
        raise EngineTrouble(f"host {host.name} has no version of the image {blueprint.image} any more")
    return found


@verb(retries=1, retry_delay_seconds=1, retry_condition_fn=worth_retrying, task_run_name="start {instance.id}")
async def start_container(instance: Instance, blueprint: BlueprintSpec) -> None:
    """Have the host's engine run the session's container; one that already runs is left as it is."""
    host = pool_store().hosts.get(instance.host)
    image_id = _image_on(host, blueprint)
    spec = container_spec(instance, blueprint, image_id, namespace=process_settings().identity)
    await to_thread(engine_of(host).run, spec)
    await tell_visitors(instance, "Its container runs; waiting for the notebook to answer.")


@verb(task_run_name="wait for {instance.id}")
async def wait_until_ready(instance: Instance, blueprint: BlueprintSpec) -> None:
    """Wait until the notebook answers HTTP.

    Raises:
        SessionNotReady: its container ended, or it did not answer in the blueprint's time.
    """
    host = pool_store().hosts.get(instance.host)
    path = ("/" if blueprint.proxy.strip_prefix else instance.base_url) + blueprint.ready_path
    header = blueprint.proxy.auth_header.format(token=instance.token)
    deadline = monotonic() + blueprint.start_timeout
    while not await to_thread(answers, host.address, instance.port, path, header):
        await _check_alive(instance, host, deadline, blueprint.start_timeout)
        await sleep(POLL_SECONDS)


async def _check_alive(instance: Instance, host: Host, deadline: float, seconds: int) -> None:
    engine = engine_of(host)
    state = await to_thread(engine.find, instance.container)
    if state is None:
        raise SessionNotReady(f"instance {instance.id}: its container on {host.name} is gone before it answered")
    if not state.running:
        said = _last_words(instance, await to_thread(engine.logs, instance.container, 5))
        raise SessionNotReady(
            f"instance {instance.id}: its container on {host.name} ended with exit code {state.exit_code}"
            f" before it answered; it said: {said}"
        )
    if monotonic() > deadline:
        raise SessionNotReady(f"instance {instance.id}: nothing answered on {host.name} within {seconds} s")


def _last_words(instance: Instance, log: str) -> str:
    """The last line of a container's log, without the session's secrets."""
    lines = [line for line in log.splitlines() if line.strip()]
    last = lines[-1].strip()[:200] if lines else "nothing"
    return last.replace(instance.token, "…").replace(instance.route, "…")


@verb(task_run_name="move {instance_id} to {to}")
async def move_instance(instance_id: str, to: InstanceState, reason: str = "", **facts: object) -> Instance:
    """Move an instance along its life cycle by one guarded write; its room is given back where it leaves it.

    Facts are what the store takes: ``expires_at``, and ``only_from``, the one state that it may come from.

    Raises:
        RefusedMove: the life cycle does not allow it from where the instance is now; nothing changed.
    """
    instance = pool_store().instances.move(instance_id, to, now(), reason=reason, **facts)
    await tell_changes()
    await tell_visitors(instance)
    return instance


@verb(task_run_name="announce {instance.id}")
async def announce(instance: Instance) -> dict:
    """The answer to the platform, also kept as the artifact ``instance-<id>`` (a table of one row).

    The launch link in it works once and not for long; `issue-link` makes another. One that waits for room is told its
    place in the queue.
    """
    places = await to_thread(places_of, instance.pool) if instance.state is InstanceState.QUEUED else {}
    _, place = places.get(instance.id, (None, None))
    if place:
        await tell_visitors(instance, position=place.position, estimate_seconds=place.estimate or 0)
    return await write_answer(instance, place)


async def write_answer(instance: Instance, place: Standing | None = None) -> dict:
    """Write the artifact ``instance-<id>`` and return what is in it."""
    host = pool_store().hosts.get(instance.host) if instance.host else None
    ends = ends_at(instance, host)
    answer = {
        "instance_id": instance.id,
        "state": str(instance.state),
        "url": session_url(instance),
        "launch_url": await to_thread(launch_url, instance) if instance.state in OPENS else None,
        "expires_at": ends.isoformat() if ends else None,
        "host": instance.host,
        "notice": notice(host),
        "position": place and place.position,
        "estimated_wait": place and place.estimate,
    }
    await acreate_table_artifact([answer], key=f"instance-{instance.id}", description=f"Session {instance.id}")
    return answer


@verb(task_run_name="find {instance_id}")
async def find_instance(instance_id: str) -> Instance | None:
    """The instance's record, or None when nobody ever asked for it."""
    try:
        return pool_store().instances.get(instance_id)
    except NotFound:
        return None


@verb(
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=worth_retrying,
    task_run_name="remove container of {instance.id}",
)
async def remove_container(instance: Instance) -> None:
    """Remove the session's container; absent is success, and so is a host that the cloud says is gone.

    Raises:
        HostUnreachable: the engine does not answer, so the container may still run.
    """
    if not instance.host:
        return
    host = pool_store().hosts.get(instance.host)
    if host.state is HostState.REMOVED:
        return
    await to_thread(engine_of(host).remove, instance.container)


@verb(task_run_name="wait for the run that starts {instance_id}")
async def await_other_run(instance_id: str, seconds: int) -> Instance:
    """The instance once it starts no more, or as it is after *seconds*."""
    deadline = monotonic() + seconds
    while True:
        instance = pool_store().instances.get(instance_id)
        if instance.state is not InstanceState.STARTING or monotonic() > deadline:
            return instance
        await sleep(POLL_SECONDS)
