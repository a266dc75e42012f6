"""Tasks that move a session to another host: find room there, set out, hand over, or stay."""

from blocks.outside import log, now, outside
from pool.errors import NoRoom, Refused, RefusedMove
from pool.records import BlueprintSpec, Instance
from pool.sessions.moving import move_words, places_elsewhere, seconds_left
from pool.sessions.queue import Grant, QueueEntry
from pool.sessions.requests import check_unchanged
from tasks.base import look_up, pool_task, run_id
from tasks.courses.courses import kept_room, reservations_of
from tasks.images.versions import holders
from tasks.sessions.standbys import give_up_for


@look_up()
def places_to_move(instance: Instance, blueprint: BlueprintSpec, wanted: str = "") -> list[str]:
    """Names of the hosts that a running session can be moved to now, best first.

    Raises:
        Refused: there is none, or *wanted* is not one of them; the message says why.
    """
    return _places(instance, blueprint, wanted)


def _places(instance: Instance, blueprint: BlueprintSpec, wanted: str) -> list[str]:
    check_unchanged(instance, blueprint)
    settings = outside().config(instance.pool).settings(instance.pool)
    hosts = outside().store.hosts.recent(instance.pool, now())
    kept = kept_room(reservations_of(instance.pool, hosts, settings), instance.pool, hosts)
    entry = QueueEntry(instance, holders(blueprint), seconds_left(instance, now()))
    return places_elsewhere(entry, [kept.as_seen(host, "") for host in hosts], settings, now(), wanted)


@pool_task(task_run_name="reserve room for {instance.id} on another host")
def set_out(instance: Instance, blueprint: BlueprintSpec, wanted: str, reason: str) -> Instance:
    """Reserve room on the best host that has some, where standbys make way, and move the session to moving.

    Raises:
        Refused: no host has room for it any more; it is as it was.
        RefusedMove: it does not run any more.
    """
    places = _places(instance, blueprint, wanted)
    for host in places:
        if moving := _reserved(instance, host, reason):
            return moving
    raise NoRoom(f"instance {instance.id} stays on {instance.host}: {', '.join(places)} had no room left for it")


def _reserved(instance: Instance, host: str, reason: str) -> Instance | None:
    if moving := _reserve(instance, host, reason):
        return moving
    made_way = give_up_for(Grant(instance, (host,), frozenset()))
    return _reserve(instance, host, reason) if made_way else None


def _reserve(instance: Instance, host: str, reason: str) -> Instance | None:
    settings = outside().config(instance.pool).settings(instance.pool)
    reserved = reservations_of(instance.pool, outside().store.hosts.recent(instance.pool, now()), settings)
    words = move_words(instance, host, reason)
    reserve = outside().store.instances.set_out
    try:
        return reserve(instance.id, host, run_id(), words, now(), gpus=settings.gpus, reservations=reserved)
    except RefusedMove:
        raise
    except Refused as refusal:  # its session ports, or its GPUs, are all in use: another host may have some
        log().info("%s", refusal)
        return None


@pool_task(publishes=False, task_run_name="note that {instance_id} takes {backup_id} along")
def note_carried(instance_id: str, backup_id: str) -> Instance:
    """Write down that all of a moving session's work is in this backup: its container is needed no more.

    Raises:
        RefusedMove: it is ended meanwhile, or went on.
    """
    return outside().store.instances.note_carried(instance_id, backup_id)


@pool_task(task_run_name="hand {instance_id} over to its new host")
def hand_over(instance_id: str) -> Instance:
    """Give up the room where a moving session was: it is starting where it goes; or queued, if that host is lost.

    Raises:
        RefusedMove: it is ended meanwhile, or went on.
    """
    return outside().store.instances.hand_over(instance_id, now())


@pool_task(publishes=False, task_run_name="let {instance_id} stay")
def stay(instance_id: str, reason: str) -> Instance:
    """Move a session back to running, whose program runs again; the step that publishes its route tells it.

    Raises:
        RefusedMove: it is ended meanwhile.
    """
    return outside().store.instances.stay(instance_id, reason, now())
