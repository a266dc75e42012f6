"""Verbs for the queue: give out room in order, refuse to wait for nothing, announce who stands where."""

from asyncio import Semaphore, gather, to_thread
from contextlib import suppress

from blocks.database import pool_store
from blocks.stored.blueprint import blueprint_spec
from blocks.stored.pool_config import pool_config
from pool.errors import NotFound, Refused
from pool.records import BlueprintSpec, Instance
from pool.sessions.admission import no_room
from pool.sessions.estimates import Standing
from pool.sessions.queue import Turn, Wish, patience, turns
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState
from tasks.base import verb
from tasks.events import tell_changes
from tasks.retrying import now
from tasks.sessions.instances import versions_of, write_answer
from tasks.sessions.positions import places_of, show_places
from tasks.sessions.visitor_notices import tell_visitors

ANNOUNCED_AT_ONCE = 8


@verb(task_run_name="give out room of {pool}")
async def give_out_room(pool: str) -> list[Instance]:
    """Give room to everyone whose turn it is, each by one guarded write; those that got it, in order.

    Whoever changes what room there is, or who waits, calls this afterwards. When two do so at once, the guard lets each
    session have room once, and the one that comes later sees what the other left.
    """
    served: list[Instance] = []
    while placed := await to_thread(_one_round, pool):
        served += placed
    if served:
        await tell_changes()
        await gather(*(tell_visitors(instance) for instance in served))
    return served


def _one_round(pool: str) -> list[Instance]:
    store = pool_store()
    line = store.instances.queue(pool)
    hosts = store.hosts.all(pool, LIVING_HOSTS) if line else []
    if not any(host.free for host in hosts if host.state is HostState.ACTIVE):
        return []
    order = turns(_wishes(line), hosts, pool_config(pool).settings(pool), now())
    return [taken for turn in order if (taken := _take(turn))]


def _wishes(line: list[Instance]) -> list[Wish]:
    """What each needs by its blueprint as it is now; one whose blueprint or image is gone can use no host."""
    known = {name: _recipe(name) for name in {instance.blueprint for instance in line}}
    return [Wish(instance, *known[instance.blueprint]) for instance in line]


def _recipe(name: str) -> tuple[list[set[str]], int]:
    """Names of the hosts that have each version of the blueprint's image, best first, and its lifetime."""
    try:
        blueprint = blueprint_spec(name)
        return _holders(blueprint), blueprint.lifetime
    except NotFound:
        return [], 0


def _holders(blueprint: BlueprintSpec) -> list[set[str]]:
    return [pool_store().images.hosts_with(version.id) for version in versions_of(blueprint)]


def _take(turn: Turn) -> Instance | None:
    """Room on the first host that has it; None when somebody was faster, which is as good."""
    for host in turn.hosts:
        with suppress(Refused):  # it has room by now, or it ended; or the host has no port
            if taken := pool_store().instances.take_turn(turn.instance.id, host, turn.passing, now()):
                return taken
    return None


@verb(task_run_name="check that {instance.id} may wait")
async def check_waiting(instance: Instance, blueprint: BlueprintSpec) -> None:
    """Refuse to let a session wait that said it would not, or that would wait for nothing.

    Raises:
        NoRoom: it said that it does not wait, and the pool is full.
        NotFound: no host has its image, and none is on its way that would bring it.
    """
    store, settings = pool_store(), pool_config(instance.pool).settings(instance.pool)
    hosts = store.hosts.all(instance.pool, LIVING_HOSTS)
    if not patience(instance, settings):
        raise no_room(settings, hosts, instance.slots)
    active = {host.name for host in hosts if host.state is HostState.ACTIVE}
    coming = any(host.state in ON_THEIR_WAY for host in hosts)
    if active and not coming and not any(active & names for names in _holders(blueprint)):
        raise NotFound(
            f"no host of pool {instance.pool} has the image {blueprint.image} yet;"
            " run distribute-images, or try again later"
        )


@verb(task_run_name="announce the queue of {pool}")
async def announce_queue(pool: str) -> None:
    """Bring the artifact ``instance-<id>`` of each session that waits up to date, and what its visitors are shown."""
    at_once = Semaphore(ANNOUNCED_AT_ONCE)

    async def announce_one(instance: Instance, place: Standing) -> None:
        async with at_once:
            await write_answer(instance, place)

    places = await to_thread(places_of, pool)
    await gather(show_places(pool, places), *(announce_one(instance, place) for instance, place in places.values()))
