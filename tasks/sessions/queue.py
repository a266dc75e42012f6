"""Tasks for the queue: give out room in order, and refuse to wait for nothing."""

from collections.abc import Sequence
from contextlib import suppress

from blocks.outside import now, outside
from pool.courses.reserving import Reservations
from pool.errors import NotFound, Refused
from pool.records import BlueprintSpec, Instance
from pool.sessions.admission import no_room
from pool.sessions.queue import Grant, QueueEntry, grants, wait_limit
from pool.states import LIVING_HOSTS, ON_THEIR_WAY, HostState, InstanceState
from tasks.base import look_up, sql_step
from tasks.courses.courses import kept_room, reservations_of, reserved_now
from tasks.images.versions import holders
from tasks.sessions.coming_runs import left_to_other_processes, start_of
from tasks.sessions.standbys import give_up_for

TRIES = 3  # rounds one after the other in which no session got what it was offered


@look_up()
def sessions_wait(pool: str) -> bool:
    """Whether any session waits for room in the pool."""
    return bool(outside().store.instances.queue(pool))


@look_up()
def pools_where_wait(sessions: Sequence[str]) -> set[str]:
    """Return the pools in which any of these sessions waits for room."""
    known = outside().store.instances.named(sessions).values()
    return {one.pool for one in known if one.state is InstanceState.QUEUED}


@sql_step()
def give_out_room(pool: str) -> list[Instance]:
    """Give room to everyone whose turn it is, each by one guarded write; those that need a run to start them, in order.

    That is all that got room but for those which a run starts by itself that this process knows of
    (`tasks/sessions/coming_runs.py`). Such a run of this process gives out room before it looks at its own session; so
    while this one has the turn, it has not looked yet. One that was promised, and begins meanwhile, may find that its
    session has room, and look no more: it counts as well.

    A run that changes what room there is, or which sessions wait, calls this afterwards. When two do so at once, the
    guard lets each session have room once, and the one that comes later sees what the other left;
    in one process they take turns,
    since a class that arrives together would otherwise try each place once for each student. Where none got what was
    offered, one with an earlier place came in between: it is looked again.
    """
    served: list[Instance] = []
    promised: set[str] = set()
    tries = TRIES
    with outside().turns.take(f"room of {pool}"):
        while tries and (placed := _one_round(pool, promised)) is not None:
            served += [one for one in placed if not _is_left_to_its_run(one.id, promised)]
            tries = TRIES if placed else tries - 1
    elsewhere = left_to_other_processes([one.id for one in served])
    return [one for one in served if one.id not in elsewhere]


def _one_round(pool: str, promised: set[str]) -> list[Instance] | None:
    """Those that got room now; None where there is none to offer. *promised* gets those whose run is still to come."""
    store = outside().store
    line = store.instances.queue(pool)
    promised |= {one.id for one in line if outside().turns.is_promised(start_of(one.id), outside().clock.uptime())}
    hosts = store.hosts.recent(pool, now()) if line else []
    if not any(host.free for host in hosts if host.state is HostState.ACTIVE):
        return None
    settings = outside().config(pool).settings(pool)
    reserved = reservations_of(pool, hosts, settings)
    order = grants(_entries(line), hosts, settings, now(), kept_room(reserved, pool, hosts))
    return [taken for turn in order if (taken := _take(turn, settings.gpus, reserved))] if order else None


def _is_left_to_its_run(instance_id: str, promised: set[str]) -> bool:
    """Whether a run of this process looks soon whether the session has room."""
    turns, start = outside().turns, start_of(instance_id)
    if instance_id not in promised and not turns.is_looked_at_later(start, outside().clock.uptime()):
        return False
    turns.rely_on(start)
    return True


def _entries(line: list[Instance]) -> list[QueueEntry]:
    """What each needs by its blueprint as it is now.

    One whose blueprint or image is gone, or whose blueprint cannot be read, can use no host, and holds up no other.
    """
    known = {name: _recipe(name) for name in {instance.blueprint for instance in line}}
    return [QueueEntry(instance, *known[instance.blueprint]) for instance in line]


def _recipe(name: str) -> tuple[list[set[str]], int]:
    """Names of the hosts that have each version of the blueprint's image, best first, and its lifetime."""
    try:
        blueprint = outside().stored.blueprint(name)
        return holders(blueprint), blueprint.lifetime
    except Refused:
        return [], 0


def _take(turn: Grant, gpus: int, reserved: Reservations) -> Instance | None:
    """Room on the first host that has it, or on one whose standbys make way; None when another run was faster."""
    return _room(turn, gpus, reserved) or (_room(turn, gpus, reserved) if give_up_for(turn) else None)


def _room(turn: Grant, gpus: int, reserved: Reservations) -> Instance | None:
    take = outside().store.instances.take_turn
    for host in turn.hosts:
        with suppress(Refused):  # it has room by now, or it ended; or the host has no port, or no GPU
            if taken := take(turn.instance.id, host, turn.passing, now(), gpus=gpus, reservations=reserved):
                return taken
    return None


@look_up()
def check_waiting(instance: Instance, blueprint: BlueprintSpec) -> None:
    """Refuse to let a session wait that said it would not, or that would wait for nothing.

    Raises:
        NoRoom: it said that it does not wait, and the pool is full.
        NotFound: no host has its image, and none is on its way that would bring it.
    """
    store, settings = outside().store, outside().config(instance.pool).settings(instance.pool)
    hosts = store.hosts.all(instance.pool, LIVING_HOSTS)
    if not wait_limit(instance, settings):
        raise no_room(settings, hosts, instance.slots, reserved_now(instance.pool))
    active = {host.name for host in hosts if host.state is HostState.ACTIVE}
    coming = any(host.state in ON_THEIR_WAY for host in hosts)
    if active and not coming and not any(active & names for names in holders(blueprint)):
        raise NotFound(
            f"no host of pool {instance.pool} has the image {blueprint.image} yet;"
            " run distribute-images, or try again later"
        )
